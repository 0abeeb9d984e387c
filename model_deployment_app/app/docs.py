"""Pages for people: /docs, whatever it loads, and the way there."""

from contextlib import suppress

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from ..errors import ServingError
from .keys import Keys, credentials
from .openapi import Description


def add(app: FastAPI, description: Description, keys: Keys) -> None:
    """Serve ``/docs`` without the network, ``/openapi.json``, and ``/``, which leads browsers to the former.

    Where API keys are asked for, whoever sends none is told no more of the models than their names.
    """

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"status": "alive"})  # as clients of KServe V1 ask
        # Without scheme and host, of which a server behind proxies knows nothing.
        return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")

    @app.get("/docs", include_in_schema=False)
    @app.get("/docs/", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root_path = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root_path}/openapi.json",
            title=app.title,
            swagger_js_url=f"{root_path}/docs/swagger-ui-bundle.js",
            swagger_css_url=f"{root_path}/docs/swagger-ui.css",
            swagger_favicon_url="data:,",
            # Else the page sends its own address to a validator on the internet.
            swagger_ui_parameters={"validatorUrl": None},
        )

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        is_typed = False
        with suppress(ServingError):
            request.scope["exchange"].key_id = keys.admit(*credentials(request.scope["headers"]), "predict")
            is_typed = True
        document = description.document(root_path=request.scope.get("root_path", ""), is_typed=is_typed)
        return Response(document, media_type="application/json")

    app.mount("/docs", StaticFiles(packages=[("fastapi_offline", "static")]))
