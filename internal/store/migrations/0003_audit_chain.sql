-- Each record of the audit is chained to the one before it: the hash of a record
-- covers that of the one before. There is a chain for each project, and one for
-- what concerns the whole server. Records from before have the number 0 and no
-- hash: they are in no chain.

-- +goose Up
ALTER TABLE audit ADD COLUMN number BIGINT NOT NULL DEFAULT 0; -- in its chain, from 1
ALTER TABLE audit ADD COLUMN hash BYTEA;
CREATE UNIQUE INDEX audit_chain ON audit (project, number) WHERE number > 0;

-- The last record of each chain.
CREATE TABLE audit_chains (
	project TEXT   NOT NULL PRIMARY KEY,
	number  BIGINT NOT NULL,
	hash    BYTEA
);
