-- What an import answered that was sent with a key of its own, so that the same
-- request sent again is not a second import. Kept for a day.

-- +goose Up
CREATE TABLE import_keys (
	project    TEXT   NOT NULL,
	key        TEXT   NOT NULL, -- Idempotency-Key
	data_key   BIGINT NOT NULL, -- data_keys.version, which the fingerprint was made with
	request    BYTEA  NOT NULL, -- keyed fingerprint of the request
	answer     TEXT   NOT NULL, -- JSON
	created_at BIGINT NOT NULL,
	PRIMARY KEY (project, key)
);
