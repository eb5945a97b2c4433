"""Privileges that each operation of the provider needs: `table.TABLE`."""
