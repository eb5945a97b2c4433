"""`share` commands."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, say
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_protocol.names import FullName, SchemaName, SharedName
from model_sharing_protocol.printable import enumerated
from model_sharing_provider.cli import deletions
from model_sharing_provider.cli.completion import (
    complete_models,
    complete_recipients,
    complete_schemas,
    complete_shares,
)
from model_sharing_provider.cli.confirmations import hits_of_share
from model_sharing_provider.cli.deletions import deletion_options
from model_sharing_provider.cli.options import changes_of, comment_option, owner_option, rename_option
from model_sharing_provider.cli.records import share_overview_record, to_record
from model_sharing_provider.cli.session import listed, run
from model_sharing_provider.cli.terms import add_terms_commands
from model_sharing_provider.domain.securables import SecurableType


@click.group(
    epilog=example(
        "model-sharing-provider share create acme_share",
        "model-sharing-provider share add-model acme_share prod.ml_team.iris_model",
        "model-sharing-provider share grant acme_share globex",
    )
)
def share() -> None:
    """Shares: bundles of models, granted to recipients."""


add_terms_commands(
    share, SecurableType.SHARE, metavar="SHARE", shown_as="acme_share", complete=complete_shares
)


@share.command(epilog=example("model-sharing-provider share create acme_share"))
@click.argument("name")
@click.option("--comment", default="")
@click.option("--allow-resharing", is_flag=True, help="Let recipients share its models further.")
@output_option
def create(*, name: str, comment: str, allow_resharing: bool, output: str) -> None:
    """Create an empty share."""
    created = run(
        lambda provider, context: provider.shares.create(context, name, comment, resharing=allow_resharing)
    )
    show_done(to_record(created), f"Created the share {created.name}", output)


@share.command("list", epilog=example("model-sharing-provider share list"))
@output_option
def list_shares(output: str) -> None:
    """List the shares."""
    records = listed(
        lambda provider, context, page: provider.shares.overview(context, page), share_overview_record
    )
    show_list(
        records,
        ["name", "shared_as", "recipients", "owner", "comment", "created_at"],
        output,
        empty="No shares yet; create one: model-sharing-provider share create NAME",
    )


@share.command(epilog=example("model-sharing-provider share show acme_share"))
@click.argument("name", shell_complete=complete_shares)
@output_option
def show(name: str, output: str) -> None:
    """Show a share, what it shows, and the recipients it is granted to."""
    found, objects, grants = run(lambda provider, context: provider.shares.get(context, name))
    object_records = [to_record(item) for item in objects]
    said = {item.shared_as: item.skill.description for item in objects if item.skill is not None}
    grant_records = [to_record(grant) for grant in grants]
    if output == "json":
        show_one({**to_record(found), "objects": object_records, "grants": grant_records}, output)
        return
    show_one(to_record(found), output)
    announce("")
    show_list(
        [{**record, "description": said.get(record["shared_as"], "")} for record in object_records],
        ["shared_as", "data_object_type", "name", "status", "added_at", *(["description"] if said else [])],
        output,
        empty=f"No models yet; add one: model-sharing-provider share add-model {found.name} "
        "CATALOG.SCHEMA.MODEL",
    )
    announce("")
    show_list(
        grant_records,
        ["recipient", "privilege", "granted_at", "granted_by"],
        output,
        empty=f"Not granted yet; grant it: model-sharing-provider share grant {found.name} RECIPIENT",
    )


@share.command(epilog=example("model-sharing-provider share update acme_share --comment 'For all customers'"))
@click.argument("name", shell_complete=complete_shares)
@rename_option
@comment_option
@owner_option
@click.option(
    "--allow-resharing/--forbid-resharing",
    default=None,
    help="Whether recipients may share its models further.",
)
@output_option
def update(
    *,
    name: str,
    rename: str | None,
    comment: str | None,
    owner: str | None,
    allow_resharing: bool | None,
    output: str,
) -> None:
    """Update a share's name, description, owner or resharing; recipients see a new name immediately."""
    changes = changes_of(rename=rename, comment=comment, owner=owner, more=allow_resharing is not None)
    updated, _ = run(
        lambda provider, context: provider.shares.update(
            context, name, changes=changes, resharing=allow_resharing
        )
    )
    show_done(to_record(updated), f"Updated the share {updated.name}", output)


@share.command(epilog=example("model-sharing-provider share delete acme_share"))
@click.argument("name", shell_complete=complete_shares)
@deletion_options
def delete(*, name: str, dry_run: bool, yes: bool, output: str) -> None:
    """Delete a share and its grants; the models stay. Asks for confirmation if it is granted."""

    def consequences() -> str:
        _, _, grants = run(lambda provider, context: provider.shares.get(context, name))
        hits = hits_of_share(grants)
        return f"This deletes the share {name}. {hits}" if hits else ""

    deletions.delete(
        lambda provider, context: provider.pull_history.impact_of_share(context, name),
        lambda provider, context: provider.shares.delete(context, name),
        consequences=consequences,
        done=f"Deleted the share {name}",
        dry_run=dry_run,
        yes=yes,
        output=output,
    )


@share.command(
    "add-model",
    epilog=example(
        "model-sharing-provider share add-model acme_share prod.ml_team.iris_model",
        "model-sharing-provider share add-model acme_share prod.ml_team.iris_model --as flowers.iris",
    ),
)
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("model", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.option("--as", "shared_as", metavar="SCHEMA.MODEL", help="The name that recipients see.")
@output_option
def add_model(name: str, model: str, shared_as: str | None, output: str) -> None:
    """Add a model to a share."""
    full_name = FullName.parse(model)
    shown_as = SharedName.parse(shared_as) if shared_as else None
    added = run(lambda provider, context: provider.shares.add_model(context, name, full_name, shown_as))
    show_done(to_record(added), f"{name} now shows {added.name} as {added.shared_as}", output)


@share.command(
    "add-schema", epilog=example("model-sharing-provider share add-schema acme_share prod.ml_team")
)
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("schema", metavar="CATALOG.SCHEMA", shell_complete=complete_schemas)
@click.option("--as", "shared_as", metavar="SCHEMA", help="The name that recipients see.")
@output_option
def add_schema(name: str, schema: str, shared_as: str | None, output: str) -> None:
    """Add a schema to a share, with its present and future models."""
    full_name = SchemaName.parse(schema)
    added = run(lambda provider, context: provider.shares.add_schema(context, name, full_name, shared_as))
    sentence = f"{name} now shows {added.name}, with its future models too, as {added.shared_as}"
    show_done(to_record(added), sentence, output)


@share.command(
    "add-table",
    epilog=example(
        "model-sharing-provider share add-table acme_share s3://lake/tables/flowers training.flowers"
    ),
)
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("location", metavar="LOCATION")
@click.argument("shared_as", metavar="SCHEMA.TABLE")
@output_option
def add_table(name: str, location: str, shared_as: str, output: str) -> None:
    """Add the Delta or Parquet table at an external location to a share.

    LOCATION is a URL (file://, s3://, gs://, az://) below one of the locations in
    MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS. The files stay there, and recipients read them with any Delta
    Sharing client.
    """
    shown_as = SharedName.parse(shared_as, "table")
    added = run(lambda provider, context: provider.shares.add_table(context, name, location, shown_as))
    show_done(to_record(added), f"{name} now shows the table {added.name} as {added.shared_as}", output)


@share.command(
    "add-volume",
    epilog=example("model-sharing-provider share add-volume acme_share s3://lake/prompts evaluation.prompts"),
)
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("location", metavar="LOCATION")
@click.argument("shared_as", metavar="SCHEMA.VOLUME")
@output_option
def add_volume(name: str, location: str, shared_as: str, output: str) -> None:
    """Add the files at an external location to a share, as a volume: evaluation data, prompts, images.

    LOCATION is a URL as for `share add-table`. The files stay there.
    """
    shown_as = SharedName.parse(shared_as, "volume")
    added = run(lambda provider, context: provider.shares.add_volume(context, name, location, shown_as))
    show_done(to_record(added), f"{name} now shows the volume {added.name} as {added.shared_as}", output)


@share.command(
    "add-skill",
    epilog=example(
        "model-sharing-provider share add-skill acme_share s3://lake/skills/read-pdf agents.read-pdf"
    ),
)
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("location", metavar="LOCATION")
@click.argument("shared_as", metavar="SCHEMA.SKILL")
@output_option
def add_skill(name: str, location: str, shared_as: str, output: str) -> None:
    """Add the agent skill at an external location to a share: a folder with a file SKILL.md.

    LOCATION is a URL as for `share add-table`. The folder, the name in its SKILL.md and SKILL are the same.
    Add the skill again when its SKILL.md says something else about it.
    """
    shown_as = SharedName.parse(shared_as, "skill")
    added = run(lambda provider, context: provider.shares.add_skill(context, name, location, shown_as))
    show_done(to_record(added), f"{name} now shows the skill {added.name} as {added.shared_as}", output)


@share.command(epilog=example("model-sharing-provider share remove acme_share ml_team.iris_model"))
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("shared_as", metavar="SCHEMA[.MODEL]")
@deletion_options
def remove(*, name: str, shared_as: str, dry_run: bool, yes: bool, output: str) -> None:
    """Remove a model, schema, table, volume or skill from a share, by the name that recipients see.

    On a terminal, asks for confirmation if the share is granted.
    """

    def consequences() -> str:
        _, _, grants = run(lambda provider, context: provider.shares.get(context, name))
        recipients = enumerated([grant.recipient for grant in grants])
        return f"{recipients} can no longer load what is shared as {shared_as} in {name}." if grants else ""

    deletions.delete(
        lambda provider, context: provider.pull_history.impact_of_share(context, name, shared_as),
        lambda provider, context: provider.shares.remove(context, name, shared_as),
        consequences=consequences,
        done=f"{shared_as} is no longer in the share {name}",
        dry_run=dry_run,
        yes=yes,
        output=output,
        insist=False,
    )


@share.command(epilog=example("model-sharing-provider share grant acme_share globex"))
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("recipient", shell_complete=complete_recipients)
@output_option
def grant(name: str, recipient: str, output: str) -> None:
    """Let a recipient read a share."""
    granted = run(lambda provider, context: provider.share_permissions.grant(context, name, recipient))
    show_done(to_record(granted), f"{granted.recipient} can now read {granted.share}", output)


@share.command(epilog=example("model-sharing-provider share revoke acme_share globex"))
@click.argument("name", metavar="SHARE", shell_complete=complete_shares)
@click.argument("recipient", shell_complete=complete_recipients)
def revoke(name: str, recipient: str) -> None:
    """End a recipient's access to a share immediately, including outstanding download URLs."""
    run(lambda provider, context: provider.share_permissions.revoke(context, name, recipient))
    say(f"{recipient} can no longer read the share {name}")
