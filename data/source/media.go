package source

import (
	"encoding/json"
	"errors"
	"slices"
)

// errMedia explains the refusal of pictures, videos and sounds.
var errMedia = errors.New("this model reads text alone; on_bad_row: skip leaves such rows out")

// mediaParts are the types of parts of a message that are not text.
var mediaParts = []string{
	"image", "image_url", "input_image", "video", "video_url", "input_video", "audio", "audio_url", "input_audio", "file",
}

// refuseMedia returns an error if the row holds pictures, videos or sounds.
func (f fields) refuseMedia() error {
	for _, name := range []string{"images", "videos", "audios"} {
		if key, raw := f.lookup(name); raw != nil && holdsMedia(unquoted(raw)) {
			return f.errorf("%q holds %s: %w", key, name, errMedia)
		}
	}
	return nil
}

// holdsMedia reports whether a value, a path, an object or a list of them, names anything or holds numbers: decoded
// pixels or samples.
func holdsMedia(raw json.RawMessage) bool {
	if empty(raw) {
		return false
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return slices.ContainsFunc(list, func(v json.RawMessage) bool { return holdsMedia(v) || isNumber(v) })
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil {
		for _, v := range object {
			if holdsMedia(v) {
				return true
			}
		}
		return false
	}
	text, ok := scalar(raw)
	return ok && text != "" && raw[0] == '"'
}

// isNumber reports whether a value is a number.
func isNumber(raw json.RawMessage) bool {
	var number json.Number
	return len(raw) > 0 && raw[0] != '"' && !isNull(raw) && json.Unmarshal(raw, &number) == nil
}
