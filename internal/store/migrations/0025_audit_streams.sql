-- How far the connectors of a project have taken the records of its audit, each at its
-- own pace. A row is there while the configuration has the connector. Times are Unix
-- milliseconds.

-- +goose Up
CREATE TABLE audit_streams (
	project     TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	reader      TEXT   NOT NULL,            -- the id of the connector
	number      BIGINT NOT NULL,            -- of the last record that was taken or passed over
	holder      TEXT   NOT NULL DEFAULT '', -- who sends just now
	held_until  BIGINT NOT NULL DEFAULT 0,  -- after that anybody may
	failures    BIGINT NOT NULL DEFAULT 0,  -- since it last worked
	retry_at    BIGINT NOT NULL DEFAULT 0,
	problem     TEXT   NOT NULL DEFAULT '', -- of the last failure, in a few words
	dropped     BIGINT NOT NULL DEFAULT 0,  -- records that were given up
	PRIMARY KEY (project, reader)
);
