package source

import (
	"bytes"
	"errors"
)

// foreign lists the beginnings of files that are no data sets, and what to do about each.
var foreign = []struct{ begin, advice string }{
	{"version https://git-lfs", "it is a git-lfs pointer, not the file: run git lfs pull"},
	{"ARROW1", "it is an Arrow file: save it as parquet or JSON lines"},
	{"PK\x03\x04", "it is a zip archive or a spreadsheet: unpack it, or save the sheet as CSV"},
	{"\x28\xb5\x2f\xfd", "it is compressed by zstd: decompress it, or compress it by gzip"},
	{"\xfd7zXZ\x00", "it is compressed by xz: decompress it, or compress it by gzip"},
	{"SQLite format 3", "it is a database: export its table as CSV"},
	{"\x80\x04\x95", "it is a Python pickle, which is not read: save it as JSON lines"},
}

// webPages are the beginnings of pages that a browser saved instead of a file.
var webPages = []string{"<!doctype html", "<html"}

// refuseForeign returns an error for the beginning of a file that is no data set; prose: plain text is expected.
func refuseForeign(head []byte, prose bool) error {
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.begin)) {
			return errors.New(f.advice)
		}
	}
	for _, begin := range webPages {
		if !prose && bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(head)), []byte(begin)) {
			return errors.New("it is a web page, not the file: download the raw file")
		}
	}
	return nil
}
