-- What operators need: which master key wraps data keys now. It is its id only,
-- so that a server that still has an older key file notices before it wraps
-- with a key that is about to be thrown away. No row: it was never rotated.

-- +goose Up
CREATE TABLE master_key (
	one        BIGINT NOT NULL PRIMARY KEY, -- 1: there is one row at most
	primary_id BIGINT NOT NULL,
	changed_at BIGINT NOT NULL
);
