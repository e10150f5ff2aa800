package train

import (
	"encoding/json"
	"io"
	"path/filepath"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	tensors "fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/train/checkpoint"
	"fettle/train/report"
)

// save writes a checkpoint of the last finished step and prunes older ones.
func (r *run) save() error {
	files, err := r.adapterFiles(tensors.F32)
	if err != nil {
		return err
	}
	files[optimizerFile] = func(w io.Writer) error {
		return safetensors.Encode(w, r.optimizer.tensors(), map[string]string{"format": "pt"})
	}
	s := r.state
	s.Elapsed = r.elapsed()
	state, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	log, err := r.trainerState(nil)
	if err != nil {
		return err
	}
	files[stateFile], files[report.TrainerStateFile] = atomicfile.Bytes(state), atomicfile.Bytes(log)
	r.log.Sync()
	dir, best := r.config.OutputDir, r.state.Watch
	if sound(filepath.Join(dir, checkpoint.Name(r.state.Step))) != nil { // else the run continues from this one
		if err := checkpoint.Write(r.disk, dir, r.state.Step, files); err != nil {
			return err
		}
	}
	if err := r.point(best); err != nil {
		return err
	}
	return checkpoint.Prune(r.disk, dir, r.config.SaveLimit, best.best())
}

// point updates the link to the best checkpoint, or says once that something else has its name.
func (r *run) point(w watch) error {
	ours, err := w.point(r.disk, r.config.OutputDir)
	if !ours && !r.unpointed {
		r.unpointed = true
		r.job.Log.Warn().Msgf("%s is no link to a checkpoint and stays as it is. The best checkpoint is %s.",
			filepath.Join(r.config.OutputDir, bestLink), w.best())
	}
	return err
}

// adapterFiles returns the adapter's own files, its record and the files beside it.
func (r *run) adapterFiles(as tensors.Type) (map[string]atomicfile.Content, error) {
	files, err := r.job.Adapter.FilesAs(as)
	if err != nil {
		return nil, err
	}
	for name, text := range r.job.Beside {
		files[name] = atomicfile.Bytes(text)
	}
	record, err := r.job.Record.Encode()
	files[adapter.RecordFile] = atomicfile.Bytes(record)
	return files, err
}
