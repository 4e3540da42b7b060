package user

import (
	"postern/internal/project"
	"postern/internal/store"
)

// Holders counts the users who have a credential.
func Holders(tx *store.Tx, projectID string, m Methods) (n int, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM users WHERE project = $1 AND methods & $2 <> 0`, projectID, int64(m)).Scan(&n)
	return n, err
}

// Credentials returns those that begin a session under some settings.
func Credentials(s project.Methods) Methods {
	out := OAuth | SAML | OIDC
	for m, enabled := range map[Methods]bool{Password: s.Password.Enabled, Passkey: s.Passkey.Enabled, TOTP: s.TOTP.Enabled} {
		if enabled {
			out |= m
		}
	}
	return out
}

// Stranded counts the users who have a credential and, without it, no way to sign in
// that is left: for plans that would switch the method of it off.
func Stranded(tx *store.Tx, projectID string, lost Methods, left project.Methods) (int, error) {
	others := Credentials(left) &^ lost
	query := `SELECT COUNT(*) FROM users WHERE project = $1 AND methods & $2 <> 0 AND methods & $3 = 0`
	if left.OTP.Enabled || left.MagicLink.Enabled || left.EnchantedLink.Enabled {
		query += ` AND email = ''`
	}
	answers := left.NOTP.Enabled && left.NOTP.Verify.Connector != "" // without one there is no number to write to
	if left.OTP.Enabled || left.MagicLink.Enabled || answers {
		query += ` AND phone = ''`
	}
	var n int
	err := tx.QueryRow(query, projectID, int64(lost), int64(others)).Scan(&n)
	return n, err
}
