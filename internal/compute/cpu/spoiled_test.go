package cpu_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/compute"
	"fettle/internal/compute/cpu"
	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/selftest"
)

// TestTheSelfTestFindsEveryWrongKernel lets one kernel after the other err in one element of what it computes: some
// kernels of each level, all with FETTLE_LONG.
func TestTheSelfTestFindsEveryWrongKernel(t *testing.T) {
	e := selftest.NewExaminer()
	levels, long := kernel.Levels(), os.Getenv("FETTLE_LONG") != ""
	if long {
		levels = append(levels, cpu.TwinsOfAMX())
	}
	for _, level := range levels {
		if long || level.Name != "plain" {
			t.Run(level.Name, func(t *testing.T) { findsWrongKernels(t, e, level) })
		}
	}
}

func findsWrongKernels(t *testing.T, e *selftest.Examiner, level kernel.Level) {
	device := func(mode string) compute.Device {
		if level.Name == cpu.TwinsOfAMX().Name {
			return cpu.WithAMX(newDevice(t, cpu.Options{Compute: mode, Level: "plain"}))
		}
		return newDevice(t, cpu.Options{Compute: mode, Level: level.Name})
	}
	var ways []selftest.Arithmetic
	for _, mode := range []string{"f32", "bf16", "int8"} {
		ways = append(ways, selftest.Arithmetic{Level: level, Mode: mode})
	}
	var idle []string
	for i, name := range kernelsOf(level) {
		if os.Getenv("FETTLE_LONG") == "" && i%24 != len(level.Name) {
			continue
		}
		called, found := false, false
		for _, a := range ways {
			dev := device(a.Mode)
			cpu.Spoil(dev, func(l kernel.Level) kernel.Level { return spoiled(l, name, &called) })
			if found = e.Examine(dev, a) != nil; found {
				break
			}
		}
		if !called {
			idle = append(idle, name)
			continue
		}
		require.True(t, found, "%s: a wrong %s is not found", level.Name, name)
	}
	t.Logf("%s: not called: %s", level.Name, strings.Join(idle, ", "))
	for _, name := range idle {
		require.Contains(t, unused(level), name, "no case of the self-test calls it")
	}
	for _, a := range ways {
		require.NoError(t, e.Examine(device(a.Mode), a))
	}
}

// unused lists the kernels that products of a level do without, and those that compute nothing.
func unused(l kernel.Level) []string {
	names := []string{"PrefetchRows", "PeakF32", "PeakPairs"}
	if l.Codes != 4 {
		names = append(names, "TileInt8", "ToBytes")
	}
	if l.Codes != 2 {
		names = append(names, "TilePairs", "TileBytes", "ToPairs", "UnpackPairs")
	}
	if l.Codes == 0 {
		names = append(names, "FromInt32", "AddInt32", "Magnitude", "TransposeInt8")
	}
	if !l.BF16 {
		names = append(names, "TileBF16", "PackBF16", "PairBF16", "TransposeBF16")
	}
	if l.Blocks[compute.Q8_0].Codes == nil {
		names = append(names, "CodeRuns")
	}
	if l.Blocks[compute.Q8_0].Tile == nil || l.RunWords == kernel.LineWords {
		names = append(names, "CodeLines") // CodeRuns writes lines, or nothing takes them
	}
	if l.StripRows == 0 {
		names = append(names, "StripF32", "Part")
	}
	if l.AMX != nil {
		names = append(names, "TileBF16", "TransposeBF16", "AMX PeakBF16", "AMX PeakInt8")
	}
	return names
}

// kernelsOf names the kernels of a level: fields, those of AMX, and fields of blocks.
func kernelsOf(l kernel.Level) (names []string) {
	add := func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Func && !f.IsNil() {
				names = append(names, prefix+v.Type().Field(i).Name)
			}
		}
	}
	add("", reflect.ValueOf(l))
	if l.AMX != nil {
		add("AMX ", reflect.ValueOf(*l.AMX))
	}
	for typ := range l.Blocks {
		names = append(names, fmt.Sprint("Row ", typ), fmt.Sprint("Dequantize ", typ))
		if l.Blocks[typ].Codes != nil {
			names = append(names, fmt.Sprint("Codes ", typ))
		}
		if l.Blocks[typ].Tile != nil {
			names = append(names, fmt.Sprint("Unpack ", typ), fmt.Sprint("Tile ", typ))
		}
	}
	slices.Sort(names)
	return names
}

// spoiled returns a level of whose kernels one errs.
func spoiled(l kernel.Level, name string, called *bool) kernel.Level {
	if f := reflect.ValueOf(&l).Elem().FieldByName(name); f.IsValid() {
		f.Set(wrong(f, called))
		return l
	}
	blocks := map[string]int{"Row": 0, "Dequantize": 1, "Codes": 2, "Unpack": 3, "Tile": 4}
	which, typ, _ := strings.Cut(name, " ")
	if which == "AMX" {
		amx := *l.AMX
		f := reflect.ValueOf(&amx).Elem().FieldByName(typ)
		f.Set(wrong(f, called))
		l.AMX = &amx
		return l
	}
	all := reflect.MakeMap(reflect.TypeOf(l.Blocks))
	for key, pair := range l.Blocks {
		if key.String() == typ {
			f := reflect.ValueOf(&pair).Elem().Field(blocks[which])
			f.Set(wrong(f, called))
		}
		all.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(pair))
	}
	reflect.ValueOf(&l).Elem().FieldByName("Blocks").Set(all)
	return l
}

// wrong returns a kernel that calls another one and then changes an element of its result.
func wrong(f reflect.Value, called *bool) reflect.Value {
	right := reflect.ValueOf(f.Interface())
	return reflect.MakeFunc(f.Type(), func(in []reflect.Value) []reflect.Value {
		*called = true
		var rows []kernel.Word
		if m, ok := in[0].Interface().(*kernel.AMXRows); ok {
			rows = slices.Clone(m.X)
		}
		out := right.Call(in)
		if len(out) == 1 {
			if v := out[0]; v.Kind() == reflect.Float32 || v.Kind() == reflect.Float64 {
				return []reflect.Value{reflect.ValueOf(1.01*v.Float() + 0.01).Convert(v.Type())}
			}
		}
		switch args := in[0].Interface().(type) {
		case *kernel.Tile:
			args.C[0] ^= 1 << 20
		case *kernel.Pack:
			args.Dst[0] ^= 1 << 20
		case *kernel.AMXStrip:
			args.C[0] ^= 1 << 20
		case *kernel.AMXRect:
			args.C[0] ^= 1 << 22
		case *kernel.AMXRows:
			if slices.Equal(rows, args.X) {
				args.Tiles[0] ^= 1 << 20
			} else {
				args.X[0] ^= 1 << 20
			}
		case *kernel.Blocks:
			spoil(args.Dst)
		case *kernel.BlockRows:
			spoil(args.Dst)
		case *kernel.NF4Magnitudes:
			spoil(args.Dst)
		case *kernel.NF4Row:
			spoil(args.Dst)
		case *kernel.IntSums:
			spoil(args.Y)
		case *kernel.CodePanel:
			args.Dst[0] ^= 1 << 3
		case *kernel.CodeTile:
			spoil(args.Dst)
		case []float32:
			if dst, ok := in[1].Interface().([]kernel.Word); ok { // ToBytes, ToPairs
				dst[0] ^= 1 << 3
			} else {
				spoil(args)
			}
		}
		return out
	})
}

func spoil(x []float32) {
	if len(x) > 0 {
		x[0] = x[0]*1.01 + 0.01
	}
}
