-- Who belongs to a tenant, and who has a role, in an index alone: without the user in
-- it SQLite reads all memberships of a project instead.

-- +goose Up
CREATE INDEX memberships_members ON memberships (project, tenant, user_id);
CREATE INDEX user_roles_holders ON user_roles (project, role, tenant, user_id);
DROP INDEX memberships_tenant;
DROP INDEX user_roles_role;
