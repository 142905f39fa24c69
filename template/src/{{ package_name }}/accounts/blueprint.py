"""Blueprints whose operations ask for a login, but for those that say they do not."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from flask.views import View

from .. import api
from ..api.document import component


class Blueprint(api.Blueprint):
    """A blueprint of the API that asks who calls. `guard.py` sees to it."""

    def public(self, view: Any) -> Any:
        """Let anybody call an operation, and say so in the document."""
        return self.doc(security=[])(view)

    def asks_for_login(self) -> bool:
        """Return whether the operation that is called does.

        One that states its own `security` in the document sees to it itself.
        """
        view: Any = current_app.view_functions[str(request.endpoint)]
        if issubclass(getattr(view, "view_class", object), View):
            method = request.method.lower()
            reads = method == "head" and not hasattr(view.view_class, "head")
            view = getattr(view.view_class, "get" if reads else method, None)
        return view is not None and stated_security(view) is None

    def _prepare_arguments_doc(self, doc: Any, doc_info: Any, **kwargs: Any) -> Any:
        writes = kwargs["method"] != "get"
        refused = [429] if writes else []
        if "security" not in doc_info.get("manual_doc", {}):
            refused += [401, 403] if writes else [401]
            doc["security"] = kwargs["app"].config["API_WRITES" if writes else "API_READS"]
        elif writes:
            refused += [503]  # It is limited, and shut while nobody counts.
        doc["responses"] = {status: component(status) for status in refused}
        return super()._prepare_arguments_doc(doc, doc_info, **kwargs)


def stated_security(view: Any) -> list[dict[str, list[str]]] | None:
    """Return what an operation says of who may call it, in the terms of OpenAPI; or None."""
    doc: dict[str, Any] = getattr(view, "_apidoc", {}).get("manual_doc", {})
    return doc.get("security")
