package api

import (
	"context"
	"strconv"
	"strings"

	"postern/internal/audit"
	"postern/internal/session"
)

type devicesRequest struct {
	Identifiers []string `json:"identifiers"` // login ids or ids
}

// wireDevice is TrustedDevice of the wire, on which times are strings.
type wireDevice struct {
	ID       string `json:"id"`
	Name     string `json:"name"`       // "Firefox on Linux"
	Kind     string `json:"deviceType"` // desktop, mobile or tablet
	User     string `json:"userId"`
	LastAt   string `json:"lastLoginTime"`  // Unix seconds
	Expires  string `json:"expirationTime"` // Unix seconds
	Location string `json:"lastLocation"`   // the address; where it is is not looked up
	Current  bool   `json:"isCurrentDevice"`
}

type devicesAnswer struct {
	Devices []wireDevice `json:"devices"`
}

// mostDeviceUsers bounds the users of one call.
const mostDeviceUsers = 100

func (s *Server) listDevices(ctx context.Context, in *devicesRequest) (*devicesAnswer, error) {
	switch {
	case len(in.Identifiers) == 0:
		return nil, errMember.WithMessage("the body lacks identifiers, the users whose devices are wanted")
	case len(in.Identifiers) > mostDeviceUsers:
		return nil, errHistories.WithMessage("Request is invalid: the devices of at most 100 users can be asked for at once")
	}
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &devicesAnswer{Devices: []wireDevice{}}
	for _, id := range in.Identifiers {
		u, err := s.userNamed(ctx, whoBody{LoginID: id})
		if err != nil {
			return nil, err
		}
		list, err := s.Sessions.Devices(ctx, c, u.ID)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			out.Devices = append(out.Devices, deviceOnWire(u.ID, d))
		}
	}
	return out, nil
}

func deviceOnWire(userID string, d session.Device) wireDevice {
	out := wireDevice{ID: d.ID, User: userID, LastAt: strconv.FormatInt(seconds(d.LoginAt), 10), Expires: strconv.FormatInt(seconds(d.ExpiresAt), 10), Location: d.Address}
	out.Name, out.Kind = agentIn(d.Agent)
	return out
}

// agentIn says in words what a browser calls itself.
func agentIn(agent string) (name, kind string) {
	first := func(list ...[2]string) string {
		for _, one := range list {
			if strings.Contains(agent, one[0]) {
				return one[1]
			}
		}
		return ""
	}
	browser := first([2]string{"Edg", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := first([2]string{"iPhone", "iOS"}, [2]string{"iPad", "iPadOS"}, [2]string{"Android", "Android"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS X", "macOS"}, [2]string{"Linux", "Linux"})
	kind = "desktop"
	if mobile := strings.ToLower(audit.DeviceOf(agent)); mobile == "mobile" || mobile == "tablet" {
		kind = mobile
	}
	switch {
	case browser != "" && system != "":
		return browser + " on " + system, kind
	case browser+system != "":
		return browser + system, kind
	}
	return "Unknown", kind
}

type removeDevicesRequest struct {
	LoginID    string   `json:"loginId"`
	Identifier string   `json:"identifier"` // the same, as SDKs call it
	DeviceIDs  []string `json:"deviceIds"`
}

func (s *Server) removeDevices(ctx context.Context, in *removeDevicesRequest) (*empty, error) {
	u, err := s.userNamed(ctx, whoBody{LoginID: first(in.LoginID, in.Identifier)})
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Sessions.ForgetDevices(ctx, callerOf(ctx).Origin, u, in.DeviceIDs)
}
