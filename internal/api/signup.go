package api

import "postern/internal/user"

// wireSignUp is what somebody who signs up says of themselves: SignUpUser of the wire,
// with the names that it has in the bodies of single methods.
type wireSignUp struct {
	LoginID       string `json:"loginId"` // of passkeys, where JavaScript puts it in here
	Username      string `json:"username"`
	Name          string `json:"name"`
	DisplayName   string `json:"displayName"`
	GivenName     string `json:"givenName"`
	MiddleName    string `json:"middleName"`
	FamilyName    string `json:"familyName"`
	Email         string `json:"email"`
	Phone         string `json:"phone"`
	RecoveryEmail string `json:"recoveryEmail"`
	RecoveryPhone string `json:"recoveryPhone"`
}

func (in wireSignUp) profile() user.Profile {
	name := in.Name
	if name == "" {
		name = in.DisplayName
	}
	return user.Profile{
		Name: name, GivenName: in.GivenName, MiddleName: in.MiddleName, FamilyName: in.FamilyName,
		Email: in.Email, Phone: in.Phone, RecoveryEmail: in.RecoveryEmail, RecoveryPhone: in.RecoveryPhone,
	}
}
