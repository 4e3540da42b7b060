-- The order in which acts and logins go out to the connectors that take the audit of
-- their project. A row has its number from after its commit, so one that commits late
-- has a later one. NULL is what nobody was to take when it was written, 0 what waits
-- for its number.

-- +goose Up
ALTER TABLE acts ADD COLUMN number BIGINT;
ALTER TABLE logins ADD COLUMN number BIGINT;
CREATE INDEX acts_unnumbered ON acts (project) WHERE number = 0;
CREATE INDEX logins_unnumbered ON logins (project) WHERE number = 0;
CREATE INDEX acts_number ON acts (project, number) WHERE number > 0;
CREATE INDEX logins_number ON logins (project, number) WHERE number > 0;

CREATE TABLE act_counts (
	project TEXT   NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	number  BIGINT NOT NULL -- the last one that was given
);

ALTER TABLE audit_streams ADD COLUMN acted BIGINT NOT NULL DEFAULT 0; -- the number of the last act that was taken or passed over
