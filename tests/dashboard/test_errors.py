import json

from dashboard.errors import TooLargeError, TooManyWatchersError, error_response


def test_an_error_reads_as_json_that_nobody_keeps() -> None:
    response = error_response(404, "nothing is here")
    assert response.status == 404
    assert response.headers["Cache-Control"] == "no-store"
    assert json.loads(response.text or "") == {"error": "not_found", "message": "nothing is here"}


def test_each_refusal_knows_its_status() -> None:
    assert TooLargeError.status == 413
    assert TooManyWatchersError.status == 503
