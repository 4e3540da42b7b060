package message

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/boombuler/barcode/qr"
)

// The size of a QR code, in pixels a module and modules of the white around it
// (ISO/IEC 18004 asks for four).
const (
	scale = 4
	quiet = 4
)

// QR draws a text as a QR code, in PNG.
func QR(text string) ([]byte, error) {
	modules, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code of %d bytes: %w", len(text), err)
	}
	n := modules.Bounds().Dx()
	size := (n + 2*quiet) * scale
	img := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y := range n * scale {
		for x := range n * scale {
			if modules.At(x/scale, y/scale) == color.Black {
				img.SetColorIndex(x+quiet*scale, y+quiet*scale, 1)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	return out.Bytes(), nil
}
