package conformance

import (
	"context"
	"testing"

	"github.com/descope/go-sdk/descope"
)

// The ways that codes and links take to a phone. In a place, codes go as texts by a gateway and as calls by Twilio, and links
// as texts by Twilio.
var (
	codesToPhones = []descope.DeliveryMethod{descope.MethodSMS, descope.MethodVoice, descope.MethodWhatsApp}
	linksToPhones = []descope.DeliveryMethod{descope.MethodSMS, descope.MethodWhatsApp}
)

// byPhone are the calls of one method that send something to a phone, and the one that proves it came.
type byPhone struct {
	up     func(ctx context.Context, phone string) (string, error)
	in     func(ctx context.Context, phone string) (string, error)
	upOrIn func(ctx context.Context, phone string) (string, error)
	update func(ctx context.Context, loginID, phone string, info *descope.AuthenticationInfo) (string, error)
	prove  func(t *testing.T, loginID, phone string) (*descope.AuthenticationInfo, error)
}

// run signs somebody up, in, another one up or in, and gives the first one another number.
func (m byPhone) run(t *testing.T, p *place, way descope.DeliveryMethod) {
	t.Helper()
	ctx := t.Context()
	const ann, bob, newer = "+12025550143", "+12025550144", "+12025550145"
	for _, step := range []struct {
		name  string
		start func(context.Context, string) (string, error)
		who   string
	}{
		{"sign up", m.up, ann}, {"sign in", m.in, ann}, {"sign up or in: up", m.upOrIn, bob}, {"sign up or in: in", m.upOrIn, bob},
	} {
		masked, err := step.start(ctx, step.who)
		if err != nil || masked == "" || masked == step.who {
			t.Fatalf("%s: %q, %v", step.name, masked, err)
		}
		info, err := m.prove(t, step.who, step.who)
		p.wantSession(t, info, err, step.who, string(way))
		if !info.User.VerifiedPhone || info.User.Phone != step.who {
			t.Errorf("%s: %+v", step.name, info.User)
		}
		if step.who != ann || step.name == "sign up" {
			continue
		}
		if _, err := m.update(ctx, ann, newer, info); err != nil {
			t.Fatalf("update: %v", err)
		}
		info, err = m.prove(t, ann, newer)
		p.wantSession(t, info, err, ann, string(way))
		if info.User.Phone != newer || !info.User.VerifiedPhone {
			t.Errorf("after the update: %+v", info.User)
		}
	}
}

func TestCodesToPhones(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for _, way := range codesToPhones {
			t.Run(string(way), func(t *testing.T) {
				p := s.newPlace(t)
				otp := p.Auth.OTP()
				byPhone{
					up: func(ctx context.Context, phone string) (string, error) {
						return otp.SignUp(ctx, way, phone, &descope.User{Name: "Ann", Phone: phone}, nil)
					},
					in:     func(ctx context.Context, phone string) (string, error) { return otp.SignIn(ctx, way, phone, nil, nil) },
					upOrIn: func(ctx context.Context, phone string) (string, error) { return otp.SignUpOrIn(ctx, way, phone, nil) },
					update: func(ctx context.Context, loginID, phone string, info *descope.AuthenticationInfo) (string, error) {
						return otp.UpdateUserPhone(ctx, way, loginID, phone, nil, as(info))
					},
					prove: func(t *testing.T, loginID, phone string) (*descope.AuthenticationInfo, error) {
						return otp.VerifyCode(t.Context(), way, loginID, p.code(t, string(way)+":"+phone), nil)
					},
				}.run(t, p, way)
			})
		}
	})
}

func TestLinksToPhones(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for _, way := range linksToPhones {
			t.Run(string(way), func(t *testing.T) {
				p := s.newPlace(t)
				link := p.Auth.MagicLink()
				byPhone{
					up: func(ctx context.Context, phone string) (string, error) {
						return link.SignUp(ctx, way, phone, "", &descope.User{Name: "Ann", Phone: phone}, nil)
					},
					in: func(ctx context.Context, phone string) (string, error) {
						return link.SignIn(ctx, way, phone, "", nil, nil)
					},
					upOrIn: func(ctx context.Context, phone string) (string, error) {
						return link.SignUpOrIn(ctx, way, phone, "", nil)
					},
					update: func(ctx context.Context, loginID, phone string, info *descope.AuthenticationInfo) (string, error) {
						return link.UpdateUserPhone(ctx, way, loginID, phone, "", nil, as(info))
					},
					prove: func(t *testing.T, _, phone string) (*descope.AuthenticationInfo, error) {
						return link.Verify(t.Context(), p.token(t, string(way)+":"+phone), nil)
					},
				}.run(t, p, way)
			})
		}
	})
}
