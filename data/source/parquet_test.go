package source

import (
	"bytes"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	layout "github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
)

// What a page claims, in bytes and values, is checked before the library allocates it.
func TestPagesOfParquetAreNoLargerThanTheirFile(t *testing.T) {
	type row struct {
		Text string `parquet:"text,optional"`
	}
	var file bytes.Buffer
	require.NoError(t, parquet.Write(&file, []row{{"abc"}, {"defg"}}, parquet.Compression(&parquet.Snappy)))
	raw := file.Bytes()
	var header layout.PageHeader
	r := new(thrift.CompactProtocol).NewReaderFromBytes(raw[4:])
	require.NoError(t, thrift.NewDecoder(r).Decode(&header))
	data := 4 + r.BytesRead()
	require.True(t, header.DataPageHeaderV2.Valid)
	levels := data + int(header.DataPageHeaderV2.V.DefinitionLevelsByteLength)

	for name, c := range map[string]struct {
		change func(h *layout.PageHeader)
		own    []byte // size by which the compressed data begin
		want   string
	}{
		"as it is": {func(*layout.PageHeader) {}, raw[levels : levels+1], ""},
		"size":     {func(h *layout.PageHeader) { h.CompressedPageSize = 1<<31 - 1 }, nil, "more than the column's"},
		"unfolded": {func(h *layout.PageHeader) {
			h.CompressedPageSize, h.UncompressedPageSize = 8, 1<<31-1
		}, nil, "a page of 8 bytes unfolds to 2147483647"},
		"values": {func(h *layout.PageHeader) {
			h.CompressedPageSize, h.DataPageHeaderV2.V.NumValues = 8, 1<<31-1
		}, nil, "has 2147483647 values"},
		"size of its own": {func(h *layout.PageHeader) { h.CompressedPageSize = 8 }, []byte{0xff, 0xff, 0xff, 0xff, 0x0f},
			"unfolds to 4294967295 bytes, and its header"},
	} {
		h := header
		c.change(&h)
		text, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
		require.NoError(t, err)
		changed := slices.Concat(raw[:4], text, raw[data:levels], c.own, raw[levels+1:])
		end := budget.Of(t, len(changed))
		rows := 0
		err = cutParquet("a.parquet", bytes.NewReader(changed), int64(len(changed)), nil, func(Record) bool {
			rows++
			return true
		})
		end()
		if c.want == "" {
			require.NoError(t, err)
			require.Equal(t, 2, rows)
			continue
		}
		require.ErrorContains(t, err, "read a.parquet: broken parquet: column [text]: a page", name)
		require.ErrorContains(t, err, c.want, name)
	}
}
