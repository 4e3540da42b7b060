-- Devices that their users trust: on which they have given two factors and asked to
-- be remembered. Times are Unix seconds.

-- +goose Up
CREATE TABLE trusted_devices (
	project    TEXT   NOT NULL,
	id         TEXT   NOT NULL, -- in the token that the device keeps
	user_id    TEXT   NOT NULL,
	agent      TEXT   NOT NULL, -- what its browser calls itself
	address    TEXT   NOT NULL, -- that the user signed in from last
	login_at   BIGINT NOT NULL, -- when that was
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (project, id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX trusted_devices_user ON trusted_devices (project, user_id);
CREATE INDEX trusted_devices_expires ON trusted_devices (expires_at);
