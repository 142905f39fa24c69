"""What answers here: the smallest resource, to see the shape of one."""

from flask.views import MethodView
from marshmallow import Schema, fields

from .. import about
from .blueprint import Blueprint

bp = Blueprint("about", __name__, description="What answers here")


class AboutSchema(Schema):
    name = fields.String(required=True)
    description = fields.String(required=True)
    version = fields.String(required=True)


@bp.route("")
class About(MethodView):
    @bp.response(200, AboutSchema)
    def get(self) -> dict[str, str]:
        """Tell name, description and version"""
        return {
            "name": about.NAME,
            "description": about.DESCRIPTION,
            "version": about.VERSION,
        }
