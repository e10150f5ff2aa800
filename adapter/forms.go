package adapter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fettle/internal/identify"
	"fettle/model"
)

// Form names a file form of adapters.
type Form string

// The forms. Load reads each of them, Export writes them.
const (
	PEFT         Form = "peft"          // a directory with adapter_config.json and adapter_model.safetensors
	GGUFLoRA     Form = "gguf-lora"     // a GGUF file: llama.cpp, Ollama
	MLX          Form = "mlx"           // a directory of mlx-lm
	Official     Form = "llama-adapter" // a .pth file of the official LLaMA-Adapter, version 1
	LitGPT       Form = "litgpt"        // a directory of LitGPT with lit_model.pth.adapter or lit_model.pth.lora
	unknownForm  Form = ""
	formsMessage      = "a directory of PEFT, mlx-lm or LitGPT, a GGUF file of a LoRA, or a .pth file of LLaMA-Adapter"
)

// fileForm reads and writes adapters of one form.
type fileForm struct {
	name    Form
	holds   func(path string) bool
	open    func(path string) (*stored, error)
	weights func(path string) string // the file of weights
	write   func(s *Set, to string, o Output) error
}

// forms lists them; the first that holds what is at a path counts.
func forms() []fileForm {
	file := func(path string) string { return path }
	return []fileForm{
		{PEFT, holdsPEFT, openPEFT, peftFile, (*Set).writePEFT},
		{MLX, holdsMLX, openMLX, mlxFile, (*Set).writeMLX},
		{LitGPT, holdsLitGPT, openLitGPT, litFile, (*Set).writeLitGPT},
		{GGUFLoRA, holdsGGUF, openGGUF, file, (*Set).writeGGUF},
		{Official, holdsOfficial, openOfficial, file, (*Set).writeOfficial},
	}
}

// Forms lists the names of the forms.
func Forms() []Form {
	var all []Form
	for _, f := range forms() {
		all = append(all, f.name)
	}
	return all
}

// FormOf recognizes the form of the adapter at a path, which may end in a scale, by what is there; "" for no adapter.
func FormOf(name string) Form {
	path, _, err := Locate(name)
	if err != nil {
		return unknownForm
	}
	f, _ := formAt(path)
	return f.name
}

// formAt returns the form of the adapter at a path; false for no adapter.
func formAt(path string) (fileForm, bool) {
	for _, f := range forms() {
		if f.holds(path) {
			return f, true
		}
	}
	return fileForm{}, false
}

// WeightsOf returns the file with the weights of an adapter, a path that is none if there is none.
func WeightsOf(name string) string {
	path, _, err := Locate(name)
	if f, ok := formAt(path); ok && err == nil {
		return f.weights(path)
	}
	return path
}

// Locate splits the name of an adapter into its path and a scale: PATH:0.5 is the adapter at PATH, of whose output half
// is added. A path that exists as it stands has scale 1.
func Locate(name string) (path string, scale float64, err error) {
	at := strings.LastIndexByte(name, ':')
	if at < 1 || exists(name) {
		return name, 1, nil
	}
	if scale, err = strconv.ParseFloat(name[at+1:], 64); err != nil || !exists(name[:at]) {
		return name, 1, nil
	}
	if scale-scale != 0 {
		return name[:at], 1, fmt.Errorf("adapter %s: scale %v, want a number", name[:at], scale)
	}
	return name[:at], scale, nil
}

// stored is an adapter as a file of any form holds it.
type stored struct {
	method Method
	base   string // the base's name or path, for people

	// tensors opens the tensors, under the names of the method's parameters, for a base of these dimensions.
	tensors func(*model.Config) (*tensorFile, error)

	gates float64 // multiplies the gates of a LLaMA-Adapter
}

// open reads the description of the adapter of a name.
func open(name string) (*stored, error) {
	path, scale, err := Locate(name)
	if err != nil {
		return nil, err
	}
	f, ok := formAt(path)
	if !ok {
		f = forms()[0] // its reader says what is missing
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return nil, fmt.Errorf("it is %s, want %s", identify.Of(path).What, formsMessage)
		}
	}
	s, err := f.open(path)
	if err != nil {
		return nil, err
	}
	s.gates = 1
	if scale != 1 {
		err = s.rescale(scale)
	}
	return s, err
}

// rescale multiplies what the adapter adds.
func (s *stored) rescale(x float64) error {
	switch m := s.method.(type) {
	case LoRA:
		if len(m.Modules) > 0 || len(m.Tokens) > 0 {
			return errors.New("it replaces weights of the base (modules_to_save, trainable_token_indices), which no " +
				"scale applies to: leave out the scale")
		}
		m.Alpha *= x
		m.AlphaPattern = slices.Clone(m.AlphaPattern)
		for i := range m.AlphaPattern {
			m.AlphaPattern[i].Value *= x
		}
		s.method = m
	case LLaMAAdapter:
		s.gates = x
	default:
		return fmt.Errorf("a scale applies to LoRA and LLaMA-Adapter, this adapter is of type %s: leave out the scale",
			m.Name())
	}
	return nil
}

func holdsPEFT(path string) bool { return identify.Holds(path, identify.Adapter) }

// peftFile returns the weights of a directory of PEFT's.
func peftFile(dir string) string {
	path := filepath.Join(dir, WeightsFile)
	if bin := inPyTorch(path); !exists(path) && exists(bin) {
		return bin
	}
	return path
}

// openPEFT reads a directory in PEFT's layout.
func openPEFT(dir string) (*stored, error) {
	method, base, err := readMethod(dir)
	tensors := func(c *model.Config) (*tensorFile, error) {
		f, err := openTensors(dir, WeightsFile)
		if err == nil {
			err = f.separate(c)
		}
		return f, err
	}
	return &stored{method: method, base: base, tensors: tensors}, err
}
