"""Actions of the audit log: one for each kind of event, with a line of meaning.

Names are those of Unity Catalog's audit log where it has one; calls of recipients begin with `deltaSharing`,
as there. An action says what happened, not which route was called: one call may record several events, and
a change of no interest to an auditor, such as the renewal of a lease, records none.
"""

from __future__ import annotations

from enum import StrEnum


class AuditAction(StrEnum):
    """Action of an audit event: its value is stored in the log, its `meaning` is for people."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> AuditAction:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Signing in, and denials in general
    AUTHENTICATE = (
        "authenticate",
        "A token was refused, or exceeded a rate limit; calls with a valid token are other actions",
    )
    SEARCH_METASTORE = "searchMetastore", "All that the caller may see was searched for a text"
    GET_OVERVIEW = "getOverview", "The counts, and what needs attention, were read"
    SIGN_IN = (
        "signIn",
        "A session of the explorer began, by an access token or at an identity provider",
    )
    SIGN_OUT = "signOut", "A session of the explorer was ended by its user"
    REACH_RECIPIENT_LIMIT = "reachRecipientLimit", "A recipient reached a limit; refused until it ends"
    OTHER_DENIALS = "otherDenials", "Denials beyond the number of kinds and addresses that are distinguished"

    # The metastore, catalogs and schemas
    GET_METASTORE_SUMMARY = "getMetastoreSummary", "The metastore's own description was read"
    CREATE_CATALOG = "createCatalog", "A catalog was created"
    LIST_CATALOGS = "listCatalogs", "Catalogs were listed"
    GET_CATALOG = "getCatalog", "A catalog was read"
    UPDATE_CATALOG = "updateCatalog", "A catalog was renamed, described or given to another owner"
    DELETE_CATALOG = "deleteCatalog", "A catalog was deleted"
    CREATE_SCHEMA = "createSchema", "A schema was created"
    LIST_SCHEMAS = "listSchemas", "The schemas of a catalog were listed"
    GET_SCHEMA = "getSchema", "A schema was read"
    UPDATE_SCHEMA = "updateSchema", "A schema was renamed, described or given to another owner"
    DELETE_SCHEMA = "deleteSchema", "A schema was deleted"

    # Registered models
    CREATE_REGISTERED_MODEL = "createRegisteredModel", "A model without versions was created"
    LIST_REGISTERED_MODELS = "listRegisteredModels", "The models of a schema were listed"
    SEARCH_REGISTERED_MODELS = "searchRegisteredModels", "Models of several schemas were listed"
    GET_REGISTERED_MODEL = "getRegisteredModel", "A model was read"
    UPDATE_REGISTERED_MODEL = (
        "updateRegisteredModel",
        "A model was renamed, moved, described or given to another owner",
    )
    DELETE_REGISTERED_MODEL = "deleteRegisteredModel", "A model and all its versions were deleted"
    UPDATE_REGISTERED_MODEL_TAGS = "updateRegisteredModelTags", "Tags of a model were set or removed"
    SET_REGISTERED_MODEL_ALIAS = "setRegisteredModelAlias", "An alias was pointed at a version"
    DELETE_REGISTERED_MODEL_ALIAS = "deleteRegisteredModelAlias", "An alias was deleted"
    LIST_REGISTERED_MODEL_SHARES = "listRegisteredModelShares", "The shares that a model is in were listed"
    LIST_REGISTERED_MODEL_PULLS = (
        "listRegisteredModelPulls",
        "The recipients that pulled versions of a model were listed, from the audit log",
    )
    GET_DELETION_IMPACT = "getDeletionImpact", "Whom a deletion would affect was read, before it"

    # Versions of models
    LIST_MODEL_VERSIONS = "listModelVersions", "The versions of a model were listed"
    SEARCH_MODEL_VERSIONS = "searchModelVersions", "The versions made by an MLflow run were listed"
    FIND_MODEL_VERSION_BY_CONTENT = (
        "findModelVersionByContent",
        "A version with the same content was searched for, to avoid a second registration",
    )
    GET_MODEL_VERSION = "getModelVersion", "A version was read, by number"
    GET_MODEL_VERSION_BY_ALIAS = "getModelVersionByAlias", "A version was read, by alias"
    UPDATE_MODEL_VERSION = "updateModelVersion", "A version was described, or aliases pointed at it"
    UPDATE_MODEL_VERSION_TAGS = "updateModelVersionTags", "Tags of a version were set or removed"
    DELETE_MODEL_VERSION = "deleteModelVersion", "A version was deleted"
    RECALL_MODEL_VERSION = (
        "recallModelVersion",
        "A version was recalled, and its aliases moved to the one that replaces it",
    )
    LIFT_MODEL_VERSION_RECALL = "liftModelVersionRecall", "The recall of a version was lifted"
    EMIT_MODEL_VERSION_LINEAGE = (
        "emitModelVersionLineage",
        "A client reported the origin or a use of a version",
    )
    GET_MODEL_VERSION_LINEAGE = "getModelVersionLineage", "The lineage of a version was read"
    GET_MODEL_VERSION_SIGNATURE = (
        "getModelVersionSignature",
        "The signature of a version from another provider was read, and checked",
    )

    # Publication of versions
    CHECK_MODEL_REGISTRATION = (
        "checkModelRegistration",
        "A model's files were checked before registration; `createModelVersion` follows",
    )
    COPY_MODEL_VERSION = (
        "copyModelVersion",
        "A version was opened as the source of a copy; `createModelVersion` follows for the copy",
    )
    CREATE_MODEL_VERSION = (
        "createModelVersion",
        "A version was created: READY, or PENDING if its files are to be uploaded",
    )
    START_MODEL_VERSION_FINALIZATION = (
        "startModelVersionFinalization",
        "Finalization of a version was requested: its files are checked, unless it is READY already",
    )
    FINALIZE_MODEL_VERSION = (
        "finalizeModelVersion",
        "A version became READY: its files are complete and published",
    )
    STOP_MODEL_VERSION_FINALIZATION = (
        "stopModelVersionFinalization",
        "Finalization ended with an error; the uploads are kept, and it can be retried",
    )
    FAIL_MODEL_VERSION = (
        "failModelVersion",
        "A version failed permanently: it is not a model of its format, or its files were never uploaded",
    )

    # Files and credentials
    LIST_DIRECTORY = "listDirectory", "The files of a version were listed"
    GET_FILE = "getFile", "A file was read, by path or by a signed URL"
    GET_FILES = "getFiles", "Several small files were read by one signed URL"
    CREATE_DOWNLOAD_URL = "createDownloadUrl", "A signed URL to read a file was issued"
    CREATE_UPLOAD_URL = "createUploadUrl", "A signed URL to upload a file, or parts of one, was issued"
    USE_UPLOAD_URL = "useUploadUrl", "A signed URL to upload, or to abort an upload, was presented"
    GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL = (
        "generateTemporaryModelVersionCredential",
        "Temporary credentials of the bucket were issued, to read a version or to upload its files",
    )
    BEGIN_MODEL_VERSION_UPLOAD = (
        "beginModelVersionUpload",
        "A PENDING version was opened for uploads",
    )
    CHECK_FILE_EXISTS = "checkFileExists", "A version was searched for a file that an upload must not replace"
    UPLOAD_FILE = "uploadFile", "A file was uploaded"
    DELETE_FILE = "deleteFile", "An uploaded file was removed from a PENDING version"
    CREATE_MULTIPART_UPLOAD = "createMultipartUpload", "A multipart upload was begun"
    LIST_UPLOADS = "listUploads", "Files and parts that were uploaded for a version were listed"
    UPLOAD_PART = "uploadPart", "A part of a file was uploaded"
    COMPLETE_MULTIPART_UPLOAD = (
        "completeMultipartUpload",
        "The parts of a file were complete; `uploadFile` follows when they are assembled",
    )
    DISCARD_UPLOAD_PARTS = "discardUploadParts", "The parts of a completed upload were deleted"
    ABORT_MULTIPART_UPLOAD = "abortMultipartUpload", "A multipart upload was aborted, and its parts deleted"

    # Files of shared catalogs
    PULL_MODEL_VERSION = (
        "pullModelVersion",
        "Files of a version in a shared catalog were fetched from its provider, so many bytes",
    )
    PULL_CATALOG = "pullCatalog", "Versions of a shared catalog were selected, to be fetched ahead of use"
    EVICT_PULLED_FILES = (
        "evictPulledFiles",
        "Files fetched from a provider were deleted here, to keep the limits; the next use fetches them",
    )

    # Privileges and principals
    GET_PERMISSIONS = "getPermissions", "Grants on a securable were read"
    GET_EFFECTIVE_PERMISSIONS = (
        "getEffectivePermissions",
        "Effective grants on a securable were read, including inherited ones",
    )
    UPDATE_PERMISSIONS = "updatePermissions", "Privileges on a securable were granted or revoked"
    CREATE_PRINCIPAL = "createPrincipal", "A user, service principal, group or administrator was created"
    LIST_PRINCIPALS = "listPrincipals", "Principals were listed"
    GET_PRINCIPAL = "getPrincipal", "A principal was read"
    GET_CURRENT_USER = "getCurrentUser", "The caller's own principal was read"
    UPDATE_PRINCIPAL = "updatePrincipal", "A principal was activated or deactivated, or a group's members set"
    DELETE_PRINCIPAL = "deletePrincipal", "A principal was deleted; its tokens ended"
    ADD_PRINCIPAL_TO_GROUP = "addPrincipalToGroup", "A principal was added to a group"
    REMOVE_PRINCIPAL_FROM_GROUP = "removePrincipalFromGroup", "A principal was removed from a group"
    CREATE_ACCESS_TOKEN = "createAccessToken", "An access token was created for a principal"
    REVOKE_ACCESS_TOKEN = "revokeAccessToken", "An access token of a principal was revoked"

    # Shares
    CREATE_SHARE = "createShare", "A share was created"
    LIST_SHARES = "listShares", "Shares were listed"
    PREVIEW_SHARE = "previewShare", "A share was shown to its owner as its recipients see it"
    GET_SHARE = "getShare", "A share was read, with its contents and recipients"
    UPDATE_SHARE = "updateShare", "A share was renamed or described, or its contents changed"
    CHECK_SHARED_TABLE = "checkSharedTable", "A table was checked before it was added to a share"
    DELETE_SHARE = "deleteShare", "A share was deleted; access to it ended"
    GET_SHARE_PERMISSIONS = "getSharePermissions", "The recipients of a share were read"
    UPDATE_SHARE_PERMISSIONS = "updateSharePermissions", "A share was granted to recipients, or revoked"

    # Terms of shares and models
    SET_TERMS = "setTerms", "Terms were set for a share or a model; recipients are asked to accept them"
    CLEAR_TERMS = "clearTerms", "The terms of a share or a model were ended"
    GET_TERMS = "getTerms", "The terms of a share or a model were read, with their history"
    LIST_TERMS_ACCEPTANCES = "listTermsAcceptances", "The terms that a recipient accepted were listed"

    # Recipients
    CREATE_RECIPIENT = "createRecipient", "A recipient was created, with an activation link"
    LIST_RECIPIENTS = "listRecipients", "Recipients were listed"
    GET_RECIPIENT = "getRecipient", "A recipient was read, with its grants and an unused activation link"
    UPDATE_RECIPIENT = (
        "updateRecipient",
        "A recipient was renamed or described, or its IP access list changed",
    )
    DELETE_RECIPIENT = "deleteRecipient", "A recipient was deleted; its tokens and grants ended"
    ROTATE_RECIPIENT_TOKEN = (
        "rotateRecipientToken",
        "A new activation link was created; older tokens expire",
    )
    REVOKE_RECIPIENT_TOKEN = "revokeRecipientToken", "A recipient's token or activation link was revoked"
    CREATE_FEDERATION_POLICY = (
        "createFederationPolicy",
        "A federation policy was created: tokens of another issuer are accepted",
    )
    UPDATE_FEDERATION_POLICY = "updateFederationPolicy", "A federation policy was changed"
    LIST_FEDERATION_POLICIES = "listFederationPolicies", "Federation policies were listed"
    GET_FEDERATION_POLICY = "getFederationPolicy", "A federation policy was read"
    DELETE_FEDERATION_POLICY = (
        "deleteFederationPolicy",
        "A federation policy was deleted; calls and URLs under it ended",
    )
    GET_ACTIVATION_URL_INFO = "getActivationUrlInfo", "An activation link was viewed, and not used"
    RETRIEVE_RECIPIENT_TOKEN = "retrieveRecipientToken", "An activation link was used: a token was issued"

    # Calls of recipients
    DELTA_SHARING_LIST_SHARES = "deltaSharingListShares", "A recipient listed the shares granted to it"
    DELTA_SHARING_GET_SHARE = "deltaSharingGetShare", "A recipient read a share"
    DELTA_SHARING_LIST_CHANGES = "deltaSharingListChanges", "A recipient asked what changed in a share"
    DELTA_SHARING_LIST_TERMS = "deltaSharingListTerms", "A recipient read the terms that apply in a share"
    DELTA_SHARING_ACCEPT_TERMS = (
        "deltaSharingAcceptTerms",
        "A recipient accepted terms; the event names their digest, and who accepted",
    )
    DELTA_SHARING_LIST_SCHEMAS = "deltaSharingListSchemas", "A recipient listed the schemas of a share"
    DELTA_SHARING_LIST_MODELS = "deltaSharingListModels", "A recipient listed models of a share"
    DELTA_SHARING_GET_MODEL = "deltaSharingGetModel", "A recipient read a model"
    DELTA_SHARING_LIST_MODEL_ALIASES = "deltaSharingListModelAliases", "A recipient listed a model's aliases"
    DELTA_SHARING_LIST_MODEL_VERSIONS = (
        "deltaSharingListModelVersions",
        "A recipient listed a model's versions",
    )
    DELTA_SHARING_GET_MODEL_VERSION = "deltaSharingGetModelVersion", "A recipient read a version, by number"
    DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS = (
        "deltaSharingGetModelVersionByAlias",
        "A recipient read a version, by alias",
    )
    DELTA_SHARING_LIST_MODEL_VERSION_FILES = (
        "deltaSharingListModelVersionFiles",
        "A recipient listed the files of a version, or read the size and digest of one",
    )
    DELTA_SHARING_QUERY_MODEL_VERSION = (
        "deltaSharingQueryModelVersion",
        "Signed URLs for the files of a version were issued to a recipient",
    )
    DELTA_SHARING_GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL = (
        "deltaSharingGenerateTemporaryModelVersionCredential",
        "Temporary credentials of the bucket to read a version were issued to a recipient",
    )
    DELTA_SHARING_LIST_TABLES = "deltaSharingListTables", "A recipient listed tables of a share"
    DELTA_SHARING_GET_TABLE = "deltaSharingGetTable", "A recipient read the description of a table"
    DELTA_SHARING_GET_TABLE_METADATA = (
        "deltaSharingGetTableMetadata",
        "A recipient read the columns of a table",
    )
    DELTA_SHARING_QUERY_TABLE = (
        "deltaSharingQueryTable",
        "Signed URLs for the files of a table were issued to a recipient",
    )
    DELTA_SHARING_QUERY_TABLE_CHANGES = (
        "deltaSharingQueryTableChanges",
        "A recipient asked for the change data of a table",
    )
    DELTA_SHARING_LIST_VOLUMES = "deltaSharingListVolumes", "A recipient listed volumes"
    DELTA_SHARING_GET_VOLUME = "deltaSharingGetVolume", "A recipient read the description of a volume"
    DELTA_SHARING_QUERY_VOLUME = (
        "deltaSharingQueryVolume",
        "Signed URLs for the files of a volume were issued to a recipient",
    )
    DELTA_SHARING_GENERATE_TEMPORARY_VOLUME_CREDENTIAL = (
        "deltaSharingGenerateTemporaryVolumeCredential",
        "Temporary credentials to read a volume were issued to a recipient",
    )
    DELTA_SHARING_LIST_SKILLS = "deltaSharingListSkills", "A recipient listed agent skills"
    DELTA_SHARING_GET_SKILL = "deltaSharingGetSkill", "A recipient read the description of an agent skill"
    DELTA_SHARING_QUERY_SKILL = (
        "deltaSharingQuerySkill",
        "Signed URLs for the files of an agent skill were issued to a recipient",
    )
    DELTA_SHARING_GENERATE_TEMPORARY_SKILL_CREDENTIAL = (
        "deltaSharingGenerateTemporarySkillCredential",
        "Temporary credentials to read an agent skill were issued to a recipient",
    )
    DELTA_SHARING_GENERATE_TEMPORARY_TABLE_CREDENTIAL = (
        "deltaSharingGenerateTemporaryTableCredential",
        "A recipient asked for temporary credentials of a table's bucket",
    )

    # Providers whose shares are read here
    CREATE_PROVIDER = "createProvider", "Another provider was added, with its profile"
    LIST_PROVIDERS = "listProviders", "Other providers were listed"
    GET_PROVIDER = "getProvider", "Another provider was read"
    UPDATE_PROVIDER = "updateProvider", "Another provider was renamed, described, or given a new profile"
    DELETE_PROVIDER = "deleteProvider", "Another provider was deleted, with its token"
    LIST_PROVIDER_TERMS = "listProviderTerms", "Another provider was asked for the terms of a share"
    DESCRIBE_PROVIDER_SHARE = (
        "describeProviderShare",
        "Another provider was asked for the keys and the terms of a share",
    )
    LIST_PROVIDER_SHARES = "listProviderShares", "Another provider was asked for the shares it grants to us"

    # Catalogs from shares of other providers
    CHECK_SHARED_CATALOG = (
        "checkSharedCatalog",
        "A provider was asked about a share, to make a catalog from it or to bring one up to date",
    )
    LIST_CATALOG_TERMS = "listCatalogTerms", "The terms of the share that a catalog shows were asked for"
    ACCEPT_CATALOG_TERMS = (
        "acceptCatalogTerms",
        "Terms of the share that a catalog shows were accepted, for everybody in this metastore",
    )
    SYNC_CATALOG = "syncCatalog", "Rows of a shared catalog were made what its provider shows"

    # Tracking
    FORWARD_TO_TRACKING = (
        "forwardToTracking",
        "A request was forwarded to the tracking server behind this one",
    )

    # Keys and secrets
    LIST_SIGNING_KEYS = "listSigningKeys", "The public signing keys were read"
    ROTATE_SIGNING_KEY = "rotateSigningKey", "A new signing key came into use, endorsed by the one before"
    REPLACE_SIGNING_KEY = "replaceSigningKey", "New signing keys were accepted after the old ones were lost"
    RETIRE_SIGNING_KEY = "retireSigningKey", "A signing key and older ones were removed from the list"
    LIST_SECRETS = "listSecrets", "The server's secrets were listed, by their ids"
    ROTATE_SECRETS = "rotateSecrets", "New server secrets were added"

    # The audit log, and maintenance
    LIST_AUDIT_LOG = "listAuditLog", "Events of the audit log were read"
    EXPORT_AUDIT_LOG = "exportAuditLog", "The audit log was written to a file"
    PRUNE_AUDIT_LOG = "pruneAuditLog", "Old events of the audit log were deleted"
    BACK_UP_METASTORE = "backUpMetastore", "A backup was written"
    ANNOUNCE_RESTORE = "announceRestore", "All shares were marked as changed after a restore from a backup"
    COMPACT_METASTORE = "compactMetastore", "Disk space of deleted rows was released"
    COPY_METASTORE = "copyMetastore", "All rows were copied to another database"
    CHECK_STORAGE = "checkStorage", "Stored files were checked against their registration"
    LIST_GARBAGE = "listGarbage", "Unneeded stored bytes were listed (dry run)"
    COLLECT_GARBAGE = "collectGarbage", "Unneeded stored bytes were deleted"
    DELETE_LINEAGE = "deleteLineage", "Old lineage was deleted"
    START_JOB = "startJob", "A background job was queued for the servers"
    LIST_JOBS = "listJobs", "Background jobs were listed or shown"
    CANCEL_JOB = "cancelJob", "A background job was cancelled"


DELETES = frozenset(
    {
        AuditAction.ABORT_MULTIPART_UPLOAD,
        AuditAction.COLLECT_GARBAGE,
        AuditAction.COMPACT_METASTORE,
        AuditAction.DELETE_CATALOG,
        AuditAction.DELETE_FEDERATION_POLICY,
        AuditAction.DELETE_FILE,
        AuditAction.DELETE_LINEAGE,
        AuditAction.DELETE_MODEL_VERSION,
        AuditAction.DELETE_PRINCIPAL,
        AuditAction.DELETE_PROVIDER,
        AuditAction.DELETE_RECIPIENT,
        AuditAction.DELETE_REGISTERED_MODEL,
        AuditAction.DELETE_SCHEMA,
        AuditAction.DELETE_SHARE,
        AuditAction.DISCARD_UPLOAD_PARTS,
        AuditAction.FAIL_MODEL_VERSION,
        AuditAction.PRUNE_AUDIT_LOG,
        AuditAction.REVOKE_ACCESS_TOKEN,
        AuditAction.REVOKE_RECIPIENT_TOKEN,
        AuditAction.ROTATE_RECIPIENT_TOKEN,
        AuditAction.UPDATE_PRINCIPAL,
        AuditAction.UPDATE_SHARE,
        AuditAction.UPDATE_SHARE_PERMISSIONS,
    }
)
"""Actions that free space or end access, which may use the reserve of disk space."""
OF_PRINCIPALS = frozenset(
    {
        AuditAction.EMIT_MODEL_VERSION_LINEAGE,
        AuditAction.UPDATE_PERMISSIONS,
        AuditAction.UPDATE_SHARE,
    }
)
"""Changes that are this metastore's own, even of a model that comes from a provider's share."""
