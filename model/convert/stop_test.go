package convert

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
)

func TestWritingEndsWhereItIsStopped(t *testing.T) {
	left, over := 2, errors.New("over")
	m := Model{Stop: func() error {
		if left--; left < 0 {
			return over
		}
		return nil
	}}
	one := checkpoint.Lazy{Write: func(w io.Writer) error {
		for range 3 {
			if _, err := io.WriteString(w, "ab"); err != nil {
				return err
			}
		}
		return nil
	}}
	var b bytes.Buffer
	require.ErrorIs(t, m.stoppable([]checkpoint.Lazy{one})[0].Write(&b), over)
	require.Equal(t, "abab", b.String())
	b.Reset()
	require.NoError(t, Model{}.stoppable([]checkpoint.Lazy{one})[0].Write(&b))
	require.Equal(t, "ababab", b.String())
}
