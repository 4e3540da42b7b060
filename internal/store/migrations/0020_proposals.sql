-- Plans that are kept for another person to look at and to approve: the upload
-- that each was made of, sealed with the master key. Kept for as long as an
-- approval counts, or until the plan is applied.

-- +goose Up
CREATE TABLE proposals (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
	plan       TEXT   NOT NULL, -- digest of the plan, in hex
	proposer   TEXT   NOT NULL, -- id of a management key
	message    TEXT   NOT NULL,
	body       BYTEA  NOT NULL, -- sealed: the body of an import, gzip
	created_at BIGINT NOT NULL, -- Unix seconds
	PRIMARY KEY (project, plan)
);
