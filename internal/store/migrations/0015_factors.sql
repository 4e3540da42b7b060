-- The credentials that users have beside passwords and messages: authenticator
-- apps, passkeys, security questions and recovery codes. Times are Unix seconds.

-- +goose Up

-- The seeds are kept sealed, in kept_secrets: the one that counts, and the next
-- one until its first right code.
CREATE TABLE totp (
	project    TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,
	active     BIGINT NOT NULL, -- 1: there is a seed that counts
	last_step  BIGINT NOT NULL, -- the newest time step that a code was taken of (RFC 6238 §5.2)
	next_until BIGINT NOT NULL, -- until when the next seed may be confirmed; 0: there is none
	PRIMARY KEY (project, user_id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

-- Who has signed up with an app, and has not shown a code of it yet.
CREATE TABLE totp_signups (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	login_id   TEXT   NOT NULL,
	user_data  TEXT   NOT NULL, -- JSON: the user that there will be
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (project, login_id)
);
CREATE INDEX totp_signups_expiry ON totp_signups (expires_at);

CREATE TABLE passkeys (
	project         TEXT   NOT NULL,
	credential_id   BYTEA  NOT NULL,
	user_id         TEXT   NOT NULL,
	user_handle     BYTEA  NOT NULL, -- what the authenticator says whose it is; empty: not known
	rp_id           TEXT   NOT NULL, -- the domain that it is bound to
	name            TEXT   NOT NULL,
	public_key      BYTEA  NOT NULL, -- COSE_Key (RFC 9052 §7)
	attestation     TEXT   NOT NULL, -- its format
	aaguid          BYTEA  NOT NULL,
	transports      TEXT   NOT NULL, -- separated by commas
	sign_count      BIGINT NOT NULL,
	backup_eligible BIGINT NOT NULL,
	backed_up       BIGINT NOT NULL,
	created_at      BIGINT NOT NULL,
	last_used_at    BIGINT NOT NULL, -- 0: never
	PRIMARY KEY (project, credential_id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX passkeys_user ON passkeys (project, user_id);

-- Ceremonies that began and did not finish. Each works once.
CREATE TABLE passkey_ceremonies (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	id         BYTEA  NOT NULL, -- SHA-256 of the id that the client has
	kind       TEXT   NOT NULL, -- signup, signin or update
	data       TEXT   NOT NULL, -- JSON: the challenge, the relying party, for whom, under which revision
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (project, id)
);
CREATE INDEX passkey_ceremonies_expiry ON passkey_ceremonies (expires_at);

-- Answers and recovery codes are there as HMACs under a secret that is kept sealed:
-- people's answers are too few for a hash that anybody can make.
CREATE TABLE security_answers (
	project  TEXT  NOT NULL,
	user_id  TEXT  NOT NULL,
	question TEXT  NOT NULL, -- the id
	answer   BYTEA NOT NULL,
	PRIMARY KEY (project, user_id, question),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE security_tries (
	project    TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,
	wrong      BIGINT NOT NULL, -- since the last right answers
	wait_until BIGINT NOT NULL, -- 0: no wait
	PRIMARY KEY (project, user_id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE recovery_codes (
	project TEXT  NOT NULL,
	user_id TEXT  NOT NULL,
	code    BYTEA NOT NULL,
	PRIMARY KEY (project, user_id, code),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
