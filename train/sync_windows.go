package train

import "os"

// syncDir does nothing: Windows has no way to sync a directory and makes
// renames durable itself.
func syncDir(*os.File) error { return nil }
