package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	layout "github.com/parquet-go/parquet-go/format"
)

// What a page of a parquet file may be. Writers make pages of about 1 MiB.
const (
	pageHeader  = 1 << 20  // bytes of its header
	pageValues  = 1 << 24  // values
	pageUnfolds = 16 << 20 // bytes that it may unfold to, beside pageRatio for each of its own
	pageRatio   = 1 << 10
)

// checkPages refuses a parquet file with a page that is said to be larger than the file, or to unfold to more than it
// can: the library would allocate what is said.
func checkPages(f io.ReaderAt, size int64, groups []layout.RowGroup) error {
	head := make([]byte, 1<<12)
	for _, group := range groups {
		for _, column := range group.Columns {
			m := column.MetaData
			at := m.DataPageOffset
			if m.DictionaryPageOffset != 0 {
				at = m.DictionaryPageOffset
			}
			if at < 0 || m.TotalCompressedSize < 0 || at > size || m.TotalCompressedSize > size-at {
				return fmt.Errorf("column %v lies outside the file", m.PathInSchema)
			}
			for end := at + m.TotalCompressedSize; at < end; {
				n, err := checkPage(io.NewSectionReader(f, at, end-at), &head, m.Codec)
				if err != nil {
					return fmt.Errorf("column %v: %w", m.PathInSchema, err)
				}
				at += n
			}
		}
	}
	return nil
}

// checkPage checks the page at the beginning of a column's rest, and returns its length with its header. head is for
// the header and grows as needed.
func checkPage(rest *io.SectionReader, head *[]byte, codec layout.CompressionCodec) (int64, error) {
	for {
		n, err := rest.ReadAt(*head, 0)
		if err != nil && err != io.EOF {
			return 0, err
		}
		var h layout.PageHeader
		r := new(thrift.CompactProtocol).NewReaderFromBytes((*head)[:n])
		err = thrift.NewDecoder(r).Decode(&h)
		if errors.Is(err, io.ErrUnexpectedEOF) && n == len(*head) && n < pageHeader {
			*head = make([]byte, pageHeader)
			continue
		}
		if err != nil {
			return 0, err
		}
		length, unfolded := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
		values := max(h.DataPageHeader.V.NumValues, h.DictionaryPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues)
		begin := int64(r.BytesRead())
		switch {
		case length < 0 || length > rest.Size()-begin:
			return 0, fmt.Errorf("a page has %d bytes, more than the column's %d", length, rest.Size())
		case unfolded > pageUnfolds+pageRatio*length:
			return 0, fmt.Errorf("a page of %d bytes unfolds to %d", length, unfolded)
		case values > pageValues:
			return 0, fmt.Errorf("a page has %d values, want at most %d", values, pageValues)
		}
		if codec == layout.Snappy && length > 0 { // the data begin with their own size
			v2 := h.DataPageHeaderV2.V
			skip := max(0, int64(v2.RepetitionLevelsByteLength)) + max(0, int64(v2.DefinitionLevelsByteLength))
			var said [binary.MaxVarintLen64]byte
			n, _ := rest.ReadAt(said[:], begin+skip)
			if own, _ := binary.Uvarint(said[:n]); own > uint64(max(unfolded, 0)) && isCompressed(h) {
				return 0, fmt.Errorf("a page unfolds to %d bytes, and its header says %d", own, unfolded)
			}
		}
		return begin + length, nil
	}
}

// isCompressed reports whether the data of a page in a compressed column are: those of later versions need not be.
func isCompressed(h layout.PageHeader) bool {
	return !h.DataPageHeaderV2.Valid || !h.DataPageHeaderV2.V.IsCompressed.Valid || h.DataPageHeaderV2.V.IsCompressed.V
}
