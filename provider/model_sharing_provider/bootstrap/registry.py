"""Wiring of the registry: catalogs, models, versions, principals and their privileges."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from model_sharing_provider.bootstrap.mirroring import MirroringWiring

if TYPE_CHECKING:
    from model_sharing_provider.services.registry.access_tokens import AccessTokens
    from model_sharing_provider.services.registry.code_sign_in import CodeSignIn
    from model_sharing_provider.services.registry.directory import Directory
    from model_sharing_provider.services.registry.file_locations import FileLocations
    from model_sharing_provider.services.registry.lineage import Lineage
    from model_sharing_provider.services.registry.models import Models
    from model_sharing_provider.services.registry.origin_signatures import OriginSignatures
    from model_sharing_provider.services.registry.permissions import Permissions
    from model_sharing_provider.services.registry.principal_policies import PrincipalPolicies
    from model_sharing_provider.services.registry.principals import Principals
    from model_sharing_provider.services.registry.recalls import Recalls
    from model_sharing_provider.services.registry.sessions import Sessions
    from model_sharing_provider.services.registry.tracking import Tracking
    from model_sharing_provider.services.registry.versions import Versions


class RegistryWiring(MirroringWiring):
    """Services of the registry."""

    @cached_property
    def access_tokens(self) -> AccessTokens:
        from model_sharing_provider.services.registry.access_tokens import AccessTokens

        return AccessTokens(self.server_secrets)

    @cached_property
    def code_sign_in(self) -> CodeSignIn:
        from model_sharing_provider.services.registry.code_sign_in import CodeSignIn

        return CodeSignIn(self.identities.codes, self.server_secrets, self.principals, self.sessions)

    @cached_property
    def directory(self) -> Directory:
        from model_sharing_provider.services.registry.directory import Directory

        return Directory()

    @cached_property
    def file_locations(self) -> FileLocations:
        from model_sharing_provider.services.registry.file_locations import FileLocations

        return FileLocations(self.artifacts, shown=self.settings.file_locations)

    @cached_property
    def lineage(self) -> Lineage:
        from model_sharing_provider.services.registry.lineage import Lineage

        return Lineage()

    @cached_property
    def models(self) -> Models:
        from model_sharing_provider.services.registry.models import Models

        return Models(self.cleaner, self.freshness)

    @cached_property
    def origin_signatures(self) -> OriginSignatures:
        from model_sharing_provider.services.registry.origin_signatures import OriginSignatures

        return OriginSignatures(self.bundles, self.manifests)

    @cached_property
    def permissions(self) -> Permissions:
        from model_sharing_provider.services.registry.permissions import Permissions

        return Permissions()

    @cached_property
    def principal_policies(self) -> PrincipalPolicies:
        from model_sharing_provider.services.registry.principal_policies import PrincipalPolicies

        return PrincipalPolicies(self.settings.public_url)

    @cached_property
    def principals(self) -> Principals:
        from model_sharing_provider.services.registry.principals import Principals

        return Principals(self.server_secrets, self.identities.federation)

    @cached_property
    def recalls(self) -> Recalls:
        from model_sharing_provider.services.registry.recalls import Recalls

        return Recalls()

    @cached_property
    def sessions(self) -> Sessions:
        from model_sharing_provider.services.registry.sessions import Sessions

        return Sessions(self.server_secrets, self.principals, self.settings.session_lifetime)

    @cached_property
    def tracking(self) -> Tracking:
        from model_sharing_provider.services.registry.tracking import Tracking

        return Tracking(self.settings.tracking_uri)

    @cached_property
    def versions(self) -> Versions:
        from model_sharing_provider.services.registry.versions import Versions

        return Versions(self.cleaner, self.freshness)
