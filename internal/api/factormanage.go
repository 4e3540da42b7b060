package api

import (
	"context"
	"strings"

	"postern/internal/passkey"
)

func (s *Server) deleteTOTP(ctx context.Context, in *whoBody) (*empty, error) {
	u, err := s.userReached(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.TOTP.Delete(ctx, callerOf(ctx).Origin, u.Project, u.ID)
}

func (s *Server) deleteRecoveryCodes(ctx context.Context, in *whoBody) (*empty, error) {
	u, err := s.userReached(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Recovery.Delete(ctx, callerOf(ctx).Origin, u.Project, u.ID)
}

// wirePasskey is UserPasskey of the wire.
type wirePasskey struct {
	ID      string `json:"id"` // base64url
	RPID    string `json:"rpId"`
	Kind    string `json:"kind"` // multiDevice, where it may be synced, or singleDevice
	Name    string `json:"displayName"`
	Created int64  `json:"createdTime"` // Unix seconds
}

type passkeysAnswer struct {
	Passkeys []wirePasskey `json:"passkeys"`
}

func (s *Server) listPasskeys(ctx context.Context, in *whoBody) (*passkeysAnswer, error) {
	u, err := s.userReached(ctx, *in)
	if err != nil {
		return nil, err
	}
	list, err := s.Passkeys.List(ctx, u.Project, u.ID)
	out := &passkeysAnswer{Passkeys: []wirePasskey{}}
	for _, p := range list {
		kind := "singleDevice"
		if p.BackupEligible {
			kind = "multiDevice"
		}
		out.Passkeys = append(out.Passkeys, wirePasskey{p.EncodedID(), p.RPID, kind, p.Name, p.CreatedAt.Unix()})
	}
	return out, err
}

type deletePasskeyRequest struct {
	whoBody    `json:",embed"`
	Credential string `json:"credentialId"`
}

func (s *Server) deletePasskey(ctx context.Context, in *deletePasskeyRequest) (*empty, error) {
	u, err := s.userReached(ctx, in.whoBody)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Passkeys.Delete(ctx, callerOf(ctx).Origin, u.Project, u.ID, in.Credential)
}

// deletePasskeys takes all of them away, unless the body names one.
func (s *Server) deletePasskeys(ctx context.Context, in *deletePasskeyRequest) (*empty, error) {
	if in.Credential != "" {
		return s.deletePasskey(ctx, in)
	}
	u, err := s.userReached(ctx, in.whoBody)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Passkeys.DeleteAll(ctx, callerOf(ctx).Origin, u.Project, u.ID)
}

type importPasskeysRequest struct {
	whoBody `json:",embed"`
	Devices []struct {
		Descope *exportedPasskey `json:"descope"`
		Auth0   *auth0Passkey    `json:"auth0"`
	} `json:"devices"`
}

// exportedPasskey is WebauthnImportDescope of the wire.
type exportedPasskey struct {
	Credential     string   `json:"credentialId"`
	RPID           string   `json:"rpId"`
	PublicKey      string   `json:"publicKey"`
	Attestation    string   `json:"attestationType"`
	AAGUID         string   `json:"aaguid"`
	Transports     []string `json:"transports"`
	BackupEligible bool     `json:"backupEligible"`
	BackedUp       bool     `json:"backupState"`
}

// auth0Passkey is WebauthnImportAuth0 of the wire.
type auth0Passkey struct {
	Key        string   `json:"keyId"`
	RPID       string   `json:"rpId"`
	PublicKey  string   `json:"publicKey"`
	AAGUID     string   `json:"aaguid"`
	Transports []string `json:"transports"`
	Device     string   `json:"credentialDeviceType"` // single_device or multi_device
	BackedUp   bool     `json:"credentialBackedUp"`
	UserHandle string   `json:"userHandle"`
}

func (s *Server) importPasskeys(ctx context.Context, in *importPasskeysRequest) (*empty, error) {
	u, err := s.userReached(ctx, in.whoBody)
	if err != nil {
		return nil, err
	}
	var list []passkey.Imported
	for _, d := range in.Devices {
		switch {
		case d.Descope != nil:
			p := d.Descope
			list = append(list, passkey.Imported{
				ID: p.Credential, RPID: p.RPID, PublicKey: p.PublicKey, Attestation: p.Attestation, AAGUID: p.AAGUID, Transports: p.Transports,
				BackupEligible: p.BackupEligible, BackedUp: p.BackedUp,
			})
		case d.Auth0 != nil:
			p := d.Auth0
			list = append(list, passkey.Imported{
				ID: p.Key, RPID: p.RPID, PublicKey: p.PublicKey, AAGUID: p.AAGUID, Transports: p.Transports,
				BackupEligible: strings.HasPrefix(strings.ToLower(p.Device), "multi"), BackedUp: p.BackedUp, UserHandle: p.UserHandle,
			})
		default:
			return nil, passkey.ErrImport
		}
	}
	return &empty{}, s.Passkeys.Import(ctx, callerOf(ctx).Origin, u.Project, u.ID, list)
}
