-- Revisions say what made them and where their files came from; older ones may be
-- collected; the values of secrets may be destroyed; and a revision may wait to
-- be confirmed.

-- +goose Up
ALTER TABLE revisions ADD COLUMN kind TEXT NOT NULL DEFAULT 'import';
ALTER TABLE revisions ADD COLUMN source TEXT NOT NULL DEFAULT '{}'; -- JSON object: commit, branch, dirty, repository
UPDATE revisions SET kind = 'clone' WHERE number = 1 AND summary = 'clone';

-- The number of the oldest revision that is kept; those before it were collected.
ALTER TABLE projects ADD COLUMN oldest BIGINT NOT NULL DEFAULT 1;

-- When the value was destroyed: then sealed is empty. 0: it is there.
ALTER TABLE secrets ADD COLUMN revoked_at BIGINT NOT NULL DEFAULT 0;

-- Heads that go back by themselves unless they are confirmed: one a project.
CREATE TABLE confirmations (
	project      TEXT   NOT NULL PRIMARY KEY,
	revision     BIGINT NOT NULL, -- that waits; it is the head
	goes_back_to BIGINT NOT NULL, -- revisions.number
	deadline     BIGINT NOT NULL,
	failure      TEXT   NOT NULL DEFAULT '' -- why it could not go back; empty while that was not tried
);
CREATE INDEX confirmations_deadline ON confirmations (deadline);
