package message

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

func TestQR(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a", strings.Repeat("https://a.example/", 20)} {
		picture, err := QR(text)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(picture))
		if err != nil {
			t.Fatal(err)
		}
		size := img.Bounds().Dx()
		if r, _, _, _ := img.At(quiet*scale, quiet*scale).RGBA(); r != 0 || size != img.Bounds().Dy() || (size/scale-2*quiet-17)%4 != 0 {
			t.Errorf("the picture of %v is no QR code", img.Bounds())
		}
		if r, _, _, _ := img.At(0, 0).RGBA(); r == 0 {
			t.Error("the picture has no white around it")
		}
	}
	if _, err := QR(strings.Repeat("x", 3000)); err == nil {
		t.Error("a text that is too long for one")
	}
}
