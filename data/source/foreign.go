package source

import (
	"fmt"

	"fettle/internal/identify"
)

// advice returns what to do about a file that is no data set, "" for any other.
func advice(c identify.Content) string {
	switch c {
	case identify.Pointer:
		return "run git lfs pull"
	case identify.WebPage:
		return "download the raw file"
	case identify.Arrow:
		return "save it as parquet or JSON lines"
	case identify.Zip, identify.Torch:
		return "unpack it; save a spreadsheet as CSV"
	case identify.Zstandard, identify.XZ:
		return "decompress it, or compress it by gzip"
	case identify.SQLite:
		return "export its table as CSV"
	case identify.Pickle:
		return "save it as JSON lines"
	case identify.GGUF, identify.Safetensors, identify.Llama2C, identify.GGML:
		return "it holds the weights of a model or an adapter; give files of examples"
	}
	return ""
}

// headBytes of a file suffice for refuseForeign.
const headBytes = 512

// refuseForeign returns an error for the beginning of a file that is no data set. In prose a web page is text.
func refuseForeign(head []byte, prose bool) error {
	c := identify.Head(head)
	what := advice(c)
	if what == "" || prose && c == identify.WebPage {
		return nil
	}
	return fmt.Errorf("it is %s, not a data set: %s", c, what)
}
