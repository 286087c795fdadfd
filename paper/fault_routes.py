"""The plan of faults over HTTP, under /_paper; production has faults without being asked."""

from aiohttp import web

from paper.fault_actions import ActionError
from paper.fault_wire import PlanError, parse_plan, plan_row
from paper.model import OrderRefusedError
from paper.rest import Call, public
from paper.wire import Json


def add_fault_routes(app: web.Application) -> None:
    """Add the routes that read and replace the plan."""
    app.router.add_get("/_paper/faults", public(get_faults))
    app.router.add_post("/_paper/faults", public(put_faults))


def get_faults(call: Call) -> Json:
    """Tell the plan in force, and how often each of its rules has struck."""
    return plan_row(call.site.venue.faults)


def put_faults(call: Call) -> Json:
    """Put another plan in force; what the old one began ends."""
    try:
        call.site.venue.put_faults(parse_plan(call.body))
    except (PlanError, ActionError) as error:
        raise OrderRefusedError(400, str(error)) from error
    return get_faults(call)
