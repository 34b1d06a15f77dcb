"""A small database of Pi-hole, by the schema of its version 6 without what is for people."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.host.database import rows
from agent.resolvers.pihole.gravity import TABLES
from agent.snapshot import Artifact, Rows
from agent.snapshot.table import artifact_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Statement = str | tuple[str, tuple[object, ...]]
SCHEMA: Final = """
CREATE TABLE "group" (id INTEGER PRIMARY KEY AUTOINCREMENT, enabled BOOLEAN NOT NULL DEFAULT 1, name TEXT UNIQUE NOT NULL);
INSERT INTO "group" (id, enabled, name) VALUES (0, 1, 'Default');
CREATE TABLE domainlist (id INTEGER PRIMARY KEY AUTOINCREMENT, type INTEGER NOT NULL DEFAULT 0, domain TEXT NOT NULL,
    enabled BOOLEAN NOT NULL DEFAULT 1, comment TEXT, UNIQUE(domain, type));
CREATE TABLE adlist (id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL, enabled BOOLEAN NOT NULL DEFAULT 1,
    type INTEGER NOT NULL DEFAULT 0, comment TEXT);
CREATE TABLE adlist_by_group (adlist_id INTEGER NOT NULL, group_id INTEGER NOT NULL, PRIMARY KEY (adlist_id, group_id));
CREATE TABLE gravity (domain TEXT NOT NULL, adlist_id INTEGER NOT NULL REFERENCES adlist (id));
CREATE TABLE antigravity (domain TEXT NOT NULL, adlist_id INTEGER NOT NULL REFERENCES adlist (id));
CREATE TABLE info (property TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO info VALUES ('version', '20'), ('abp_domains', '1');
CREATE TABLE domainlist_by_group (domainlist_id INTEGER NOT NULL, group_id INTEGER NOT NULL, PRIMARY KEY (domainlist_id, group_id));
CREATE TABLE client (id INTEGER PRIMARY KEY AUTOINCREMENT, ip TEXT NOT NULL UNIQUE, comment TEXT);
CREATE TABLE client_by_group (client_id INTEGER NOT NULL, group_id INTEGER NOT NULL, PRIMARY KEY (client_id, group_id));
CREATE TRIGGER tr_domainlist_add AFTER INSERT ON domainlist
    BEGIN INSERT INTO domainlist_by_group (domainlist_id, group_id) VALUES (NEW.id, 0); END;
CREATE TRIGGER tr_client_add AFTER INSERT ON client
    BEGIN INSERT INTO client_by_group (client_id, group_id) VALUES (NEW.id, 0); END;
CREATE TRIGGER tr_adlist_add AFTER INSERT ON adlist
    BEGIN INSERT INTO adlist_by_group (adlist_id, group_id) VALUES (NEW.id, 0); END;
CREATE INDEX idx_gravity ON gravity (domain, adlist_id);
INSERT INTO adlist (id, address) VALUES (1, 'https://lists.example/hosts'), (2, 'https://lists.example/allowed');
"""


def artifacts(
    folder: Path, statements: Iterable[Statement] = (), path: str = "/etc/pihole/gravity.db"
) -> list[Artifact]:
    """The database after some statements, as a host answers for it."""
    file = folder / "gravity.db"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as database:
        database.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;" + SCHEMA)  # it need not last
        for one in statements:
            database.execute(*((one,) if isinstance(one, str) else one))
        database.commit()
    return [
        replace(rows(Rows(str(file), table, columns), 20, 1 << 20), name=artifact_name(path, table))
        for table, columns in TABLES.items()
    ]
