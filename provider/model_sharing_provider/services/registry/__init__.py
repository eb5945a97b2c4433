"""Registry: catalogs, models, versions, their tags, lineage, owners and permissions."""
