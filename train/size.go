package train

import (
	"fmt"
	"strconv"
	"strings"
)

// Bytes parses a size such as 8G, 512M or 1.5GiB. K, M, G and T are powers of 1024.
func Bytes(text string) (int64, error) {
	number := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(text)), "B"), "I")
	scale := 1.0
	if at := strings.IndexAny(number, "KMGT"); at >= 0 && at == len(number)-1 {
		scale, number = float64(int64(1)<<(10*(1+strings.IndexByte("KMGT", number[at])))), number[:at]
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(v > 0 && v*scale < 1<<62) {
		return 0, fmt.Errorf("%q is not a size, want such as 8G or 512M", text)
	}
	return int64(v * scale), nil
}
