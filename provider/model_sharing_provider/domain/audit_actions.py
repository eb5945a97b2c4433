"""Vocabulary of the audit log: one action for each thing that can happen, with a line of meaning.

Where Unity Catalog's audit log has a word, it is ours; calls of recipients begin with `deltaSharing`, as they
do there. An action says what happened, not which route was called: one call may leave several events, and
what changes nothing that anybody could ask about, such as the renewal of a lease, leaves none.
"""

from __future__ import annotations

from enum import StrEnum


class AuditAction(StrEnum):
    """Action of an audit event: its value is the word in the log, its `meaning` is for people."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> AuditAction:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Signing in, and denials in general
    AUTHENTICATE = (
        "authenticate",
        "A token was refused, or used too often; calls with a good token are other actions",
    )
    OTHER_DENIALS = "otherDenials", "Denials of strangers, of more kinds or addresses than are told apart"

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

    # Versions of models
    LIST_MODEL_VERSIONS = "listModelVersions", "The versions of a model were listed"
    SEARCH_MODEL_VERSIONS = "searchModelVersions", "The versions made by an MLflow run were listed"
    FIND_MODEL_VERSION_BY_CONTENT = (
        "findModelVersionByContent",
        "A version with the same content was looked for, so as not to register it again",
    )
    GET_MODEL_VERSION = "getModelVersion", "A version was read, by number"
    GET_MODEL_VERSION_BY_ALIAS = "getModelVersionByAlias", "A version was read, by alias"
    UPDATE_MODEL_VERSION = "updateModelVersion", "A version was described, or aliases pointed at it"
    UPDATE_MODEL_VERSION_TAGS = "updateModelVersionTags", "Tags of a version were set or removed"
    DELETE_MODEL_VERSION = "deleteModelVersion", "A version was deleted"
    EMIT_MODEL_VERSION_LINEAGE = (
        "emitModelVersionLineage",
        "A client told what a version was made of or used in",
    )
    GET_MODEL_VERSION_LINEAGE = "getModelVersionLineage", "The lineage of a version was read"

    # Publication of versions
    CHECK_MODEL_REGISTRATION = (
        "checkModelRegistration",
        "A model's files were looked through before they are registered; `createModelVersion` follows",
    )
    COPY_MODEL_VERSION = (
        "copyModelVersion",
        "A version was opened as the source of a copy; `createModelVersion` follows for the copy",
    )
    CREATE_MODEL_VERSION = (
        "createModelVersion",
        "A version was created: ready to be read, or waiting for files if it is made by uploads",
    )
    START_MODEL_VERSION_FINALIZATION = (
        "startModelVersionFinalization",
        "A version was to be finalized: its files are looked through, unless it is ready already",
    )
    FINALIZE_MODEL_VERSION = (
        "finalizeModelVersion",
        "A version became ready: its files are complete and published",
    )
    STOP_MODEL_VERSION_FINALIZATION = (
        "stopModelVersionFinalization",
        "Finalization ended by an error; what was uploaded is kept, and it can be tried again",
    )
    FAIL_MODEL_VERSION = (
        "failModelVersion",
        "A version was given up for good: not an MLflow model, or waiting in vain for files",
    )

    # Files and credentials
    LIST_DIRECTORY = "listDirectory", "The files of a version were listed"
    GET_FILE = "getFile", "A file was read, by path or by a signed URL"
    GET_FILES = "getFiles", "Several small files were read by one signed URL"
    CREATE_DOWNLOAD_URL = "createDownloadUrl", "A signed URL to read a file was given out"
    CREATE_UPLOAD_URL = "createUploadUrl", "A signed URL to upload a file, or parts of one, was given out"
    USE_UPLOAD_URL = "useUploadUrl", "A signed URL to upload, or to abort an upload, was presented"
    GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL = (
        "generateTemporaryModelVersionCredential",
        "Temporary credentials of the bucket were given out, to read a version or to upload its files",
    )
    BEGIN_MODEL_VERSION_UPLOAD = (
        "beginModelVersionUpload",
        "A version that waits for files was opened for uploads",
    )
    CHECK_FILE_EXISTS = "checkFileExists", "A version was searched for a file that an upload must not replace"
    UPLOAD_FILE = "uploadFile", "A file was uploaded"
    DELETE_FILE = "deleteFile", "An uploaded file was taken out of a version that waits for files"
    CREATE_MULTIPART_UPLOAD = "createMultipartUpload", "An upload of one file in parts was begun"
    UPLOAD_PART = "uploadPart", "A part of a file was uploaded"
    COMPLETE_MULTIPART_UPLOAD = (
        "completeMultipartUpload",
        "The parts of a file were found complete; `uploadFile` follows when they are put together",
    )
    DISCARD_UPLOAD_PARTS = "discardUploadParts", "The parts of a completed upload were deleted"
    ABORT_MULTIPART_UPLOAD = "abortMultipartUpload", "An upload in parts was given up, and its parts deleted"

    # Privileges and principals
    GET_PERMISSIONS = "getPermissions", "Grants on a securable were read"
    GET_EFFECTIVE_PERMISSIONS = (
        "getEffectivePermissions",
        "Grants that reach a securable were read, from above it as well",
    )
    UPDATE_PERMISSIONS = "updatePermissions", "Privileges on a securable were granted or revoked"
    CREATE_PRINCIPAL = "createPrincipal", "A user, service principal, group or administrator was created"
    LIST_PRINCIPALS = "listPrincipals", "Principals were listed"
    GET_PRINCIPAL = "getPrincipal", "A principal was read"
    GET_CURRENT_USER = "getCurrentUser", "Somebody asked who they are"
    DELETE_PRINCIPAL = "deletePrincipal", "A principal was deleted; its tokens ended"
    ADD_PRINCIPAL_TO_GROUP = "addPrincipalToGroup", "A principal was put into a group"
    REMOVE_PRINCIPAL_FROM_GROUP = "removePrincipalFromGroup", "A principal was taken out of a group"
    CREATE_ACCESS_TOKEN = "createAccessToken", "An access token was created for a principal"
    REVOKE_ACCESS_TOKEN = "revokeAccessToken", "An access token of a principal was ended"

    # Shares
    CREATE_SHARE = "createShare", "A share was created"
    LIST_SHARES = "listShares", "Shares were listed"
    GET_SHARE = "getShare", "A share was read, with what is in it and who may read it"
    UPDATE_SHARE = "updateShare", "A share was renamed or described, or models were put in or taken out"
    DELETE_SHARE = "deleteShare", "A share was deleted; access to it ended"
    UPDATE_SHARE_PERMISSIONS = "updateSharePermissions", "A share was granted to recipients, or revoked"

    # Recipients
    CREATE_RECIPIENT = "createRecipient", "A recipient was created, with an activation link"
    LIST_RECIPIENTS = "listRecipients", "Recipients were listed"
    GET_RECIPIENT = "getRecipient", "A recipient was read, with its grants and an unused activation link"
    UPDATE_RECIPIENT = "updateRecipient", "A recipient was renamed, described, or bound to other addresses"
    DELETE_RECIPIENT = "deleteRecipient", "A recipient was deleted; its tokens and grants ended"
    ROTATE_RECIPIENT_TOKEN = (
        "rotateRecipientToken",
        "A new activation link was made; older tokens end in time",
    )
    REVOKE_RECIPIENT_TOKEN = "revokeRecipientToken", "A recipient's token or activation link was ended"
    GET_ACTIVATION_URL_INFO = "getActivationUrlInfo", "An activation link was looked at, and not used"
    RETRIEVE_RECIPIENT_TOKEN = "retrieveRecipientToken", "An activation link was used: a token was given out"

    # Calls of recipients
    DELTA_SHARING_LIST_SHARES = "deltaSharingListShares", "A recipient listed the shares granted to it"
    DELTA_SHARING_GET_SHARE = "deltaSharingGetShare", "A recipient read a share"
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
    DELTA_SHARING_QUERY_MODEL_VERSION = (
        "deltaSharingQueryModelVersion",
        "A recipient was given signed URLs for the files of a version",
    )
    DELTA_SHARING_GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL = (
        "deltaSharingGenerateTemporaryModelVersionCredential",
        "A recipient was given temporary credentials of the bucket to read a version",
    )
    DELTA_SHARING_LIST_TABLES = "deltaSharingListTables", "A recipient listed the tables about a share"
    DELTA_SHARING_GET_TABLE_METADATA = (
        "deltaSharingGetTableMetadata",
        "A recipient read the columns of a table",
    )
    DELTA_SHARING_QUERY_TABLE = "deltaSharingQueryTable", "A recipient was given a signed URL for a table"

    # Providers whose shares are read here
    CREATE_PROVIDER = "createProvider", "Another provider was added, by its profile"
    LIST_PROVIDERS = "listProviders", "Other providers were listed"
    GET_PROVIDER = "getProvider", "Another provider was read"
    UPDATE_PROVIDER = "updateProvider", "Another provider was renamed, described, or given a new profile"
    DELETE_PROVIDER = "deleteProvider", "Another provider was deleted, and its token forgotten"
    LIST_PROVIDER_SHARES = "listProviderShares", "Another provider was asked for the shares it grants to us"

    # Tracking
    FORWARD_TO_TRACKING = (
        "forwardToTracking",
        "A request was passed on to the tracking server behind this one",
    )

    # Keys and secrets
    LIST_SIGNING_KEYS = "listSigningKeys", "The public signing keys were read"
    ROTATE_SIGNING_KEY = "rotateSigningKey", "A new signing key came into use, endorsed by the one before"
    REPLACE_SIGNING_KEY = "replaceSigningKey", "Signing began anew after the keys were lost"
    RETIRE_SIGNING_KEY = "retireSigningKey", "A signing key and older ones were taken off the list"
    LIST_SECRETS = "listSecrets", "The server's secrets were listed, by their ids"
    ROTATE_SECRETS = "rotateSecrets", "New server secrets were added"

    # The audit log, and maintenance
    LIST_AUDIT_LOG = "listAuditLog", "Events of the audit log were read"
    EXPORT_AUDIT_LOG = "exportAuditLog", "The audit log was written to a file"
    PRUNE_AUDIT_LOG = "pruneAuditLog", "Old events of the audit log were deleted"
    BACK_UP_METASTORE = "backUpMetastore", "A backup was written"
    ANNOUNCE_RESTORE = "announceRestore", "Recipients were told to accept rows that came back from a backup"
    COMPACT_METASTORE = "compactMetastore", "Room of deleted rows was given back to the disk"
    COPY_METASTORE = "copyMetastore", "All rows were copied to another database"
    CHECK_STORAGE = "checkStorage", "Stored files were checked against what was registered"
    LIST_GARBAGE = "listGarbage", "Stored bytes that nothing needs were looked for, and kept"
    COLLECT_GARBAGE = "collectGarbage", "Stored bytes that nothing needs were looked for and deleted"
    DELETE_LINEAGE = "deleteLineage", "Old lineage was deleted"
