"""Explorer face: pages on which people see, and do, what the APIs offer to programs.

Pages are rendered here, by Jinja2 templates beside the handlers; htmx only saves whole page loads, and all of
them work without JavaScript. A page reads through the services, as every face does: what its reader may not
see is not on it. A control that its reader may not use is shown, disabled, with the reason.
"""

from __future__ import annotations

from model_sharing_provider.faces.explorer import (
    activation,
    audit,
    catalog_terms,
    catalogs,
    comparison,
    deletions,
    health,
    home,
    identity_sign_in,
    model_activity,
    model_shares,
    models,
    permissions,
    principals,
    providers,
    recipients,
    registration,
    schemas,
    search_page,
    shared_catalogs,
    shares,
    sign_in,
    static_files,
    tree,
    uploads,
    version_files,
    version_lineage,
    version_schema,
    version_signature,
    versions,
)
from model_sharing_provider.faces.explorer.error_pages import error_page
from model_sharing_provider.faces.explorer.sessions import authenticate
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.routes import Face
from model_sharing_provider.http.urls import EXPLORER_PREFIX

_PUBLIC = Face(
    name="explorer-public",
    # At the root, so that what is below the other's prefix needs a session, whether it exists or not.
    prefix="",
    authentication=None,
    errors=UNITY_CATALOG_ERRORS,
    error_page=error_page,
    routes=(*sign_in.ROUTES, *identity_sign_in.ROUTES, *activation.ROUTES, *static_files.ROUTES),
)
_PAGES = Face(
    name="explorer",
    prefix=EXPLORER_PREFIX,
    authentication=authenticate,
    errors=UNITY_CATALOG_ERRORS,
    error_page=error_page,
    routes=(
        *home.ROUTES,
        *sign_in.SIGN_OUT_ROUTES,
        *tree.ROUTES,
        *catalogs.ROUTES,
        *shared_catalogs.ROUTES,
        *schemas.ROUTES,
        *models.ROUTES,
        *model_shares.ROUTES,
        *model_activity.ROUTES,
        *permissions.ROUTES,
        *deletions.ROUTES,
        *providers.ROUTES,
        *catalog_terms.ROUTES,
        *registration.ROUTES,
        *uploads.ROUTES,
        *comparison.ROUTES,
        *versions.ROUTES,
        *version_files.ROUTES,
        *version_schema.ROUTES,
        *version_lineage.ROUTES,
        *version_signature.ROUTES,
        *shares.ROUTES,
        *recipients.ROUTES,
        *search_page.ROUTES,
        *principals.ROUTES,
        *audit.ROUTES,
        *health.ROUTES,
    ),
)
FACES = (_PUBLIC, _PAGES)
