"""JSON-RPC of the chain over HTTP: one request or a batch per POST."""

from collections.abc import Sequence

from aiohttp import web

from paper.chain_faults import FailingNode, NodeDownError
from paper.rpc_answers import ChainAnswers
from paper.rpc_wire import METHOD_NOT_FOUND, RpcError, respond


class RpcHttp:
    """Answers everything but subscriptions, which need a WebSocket."""

    def __init__(self, answers: ChainAnswers, node: FailingNode) -> None:
        self._answers = answers
        self._node = node

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a POST; errors are JSON-RPC errors with HTTP 200, as nodes give them."""
        body = (await request.read()).decode(errors="replace")
        try:
            text = respond(body, self._answer)
        except NodeDownError as error:
            return web.Response(text=str(error), status=error.status)
        return web.Response(text=text, content_type="application/json")

    def _answer(self, method: str, params: Sequence[object]) -> object:
        self._node.check(method, is_http=True)
        return answer_method(self._answers, method, params)


def answer_method(answers: ChainAnswers, method: str, params: Sequence[object]) -> object:
    """Answer a method that needs no subscription."""
    known = answers.methods.get(method)
    if known is None:
        raise RpcError(METHOD_NOT_FOUND, f"the method {method[:80]} does not exist")
    return known(params)
