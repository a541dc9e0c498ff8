"""What a ledger looks like inside: events that are only ever added, and what they amount to, as views."""

APPLICATION_ID = 0x6261_7965  # "baye": tells a ledger from any other SQLite file
SCHEMA = 1

# One row of `event` is one acknowledged call; its `item` rows are the points it was about, n in the order of all points
# ever mentioned. id: JSON. value: for asked {"score", "gain"} and for told the label, both JSON; for retracted the name
# of who is taken back (null: everybody). round and known (the hash of the labels then known) say which belief was asked
# or fitted. sha256 covers the event, its items and the sha256 before it: a changed byte anywhere breaks the chain.
TABLES = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    uuid TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('opened', 'asked', 'told', 'skipped', 'retracted', 'fitted', 'stopped')),
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    round INTEGER CHECK (round >= 0),
    known TEXT,
    body TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    CHECK ((kind IN ('asked', 'fitted')) = (round IS NOT NULL) AND (round IS NULL) = (known IS NULL))
);
CREATE UNIQUE INDEX one_fit_a_round ON event (round) WHERE kind = 'fitted';
CREATE UNIQUE INDEX one_opening ON event (kind) WHERE kind = 'opened';
CREATE TABLE item (
    n INTEGER PRIMARY KEY CHECK (n > 0),
    event INTEGER NOT NULL REFERENCES event (seq),
    id TEXT NOT NULL,
    value TEXT,
    UNIQUE (event, id)
);
CREATE INDEX item_by_id ON item (id);
"""

# The two inserts are refused because INSERT OR REPLACE deletes rows without asking the delete triggers.
TRIGGERS = """
CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER event_replace BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq OR uuid = NEW.uuid
             OR (kind IN ('fitted', 'opened') AND kind = NEW.kind AND round IS NEW.round))
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER item_update BEFORE UPDATE ON item BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER item_delete BEFORE DELETE ON item BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER item_replace BEFORE INSERT ON item
WHEN NEW.event <> (SELECT max(seq) FROM event)
     OR EXISTS (SELECT 1 FROM item WHERE n = NEW.n OR (event = NEW.event AND id = NEW.id))
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""

# answer: labels and skips that nobody has retracted since. label: the newest answer wins, in the order in which the
# points became known. skipped: answers but no label. pending: asked, and neither answered nor retracted since.
VIEWS = """
CREATE VIEW answer AS
SELECT i.n, i.id, i.value, e.kind, e.by, e.at
FROM item i JOIN event e ON e.seq = i.event
WHERE e.kind IN ('told', 'skipped') AND NOT EXISTS (
    SELECT 1 FROM item r JOIN event w ON w.seq = r.event
    WHERE r.id = i.id AND r.n > i.n AND w.kind = 'retracted' AND (r.value IS NULL OR r.value = e.by));
CREATE VIEW label AS
SELECT id, value AS label, by, at, first FROM (
    SELECT *, min(n) OVER (PARTITION BY id) AS first, row_number() OVER (PARTITION BY id ORDER BY n DESC) AS age
    FROM answer WHERE kind = 'told')
WHERE age = 1;
CREATE VIEW skipped AS
SELECT id, min(n) AS first FROM answer GROUP BY id HAVING sum(kind = 'told') = 0;
CREATE VIEW pending AS
SELECT i.id, max(i.n) AS n FROM item i JOIN event e ON e.seq = i.event
WHERE e.kind = 'asked' AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.id = i.id) AND NOT EXISTS (
    SELECT 1 FROM item r JOIN event w ON w.seq = r.event
    WHERE r.id = i.id AND r.n > i.n AND w.kind = 'retracted')
GROUP BY i.id;
"""
