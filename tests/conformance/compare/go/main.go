// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT

// nlpodyssey/safetensors: Deserialize, and Tensors. A path per line comes in, an answer per line
// goes out.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"

	"github.com/nlpodyssey/safetensors"
)

type tensor struct {
	Name  string   `json:"name"`
	DType string   `json:"dtype"`
	Shape []uint64 `json:"shape"`
	Bytes string   `json:"bytes"`
}

type answer struct {
	Accepted bool     `json:"accepted"`
	Tensors  []tensor `json:"tensors"`
}

func read(path string) (answer, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return answer{}, err
	}
	file, err := safetensors.Deserialize(content)
	if err != nil {
		return answer{}, err
	}
	found := answer{Accepted: true, Tensors: []tensor{}}
	for _, named := range file.Tensors() {
		view := named.TensorView
		// A scalar's shape may be nil, which JSON would call null.
		shape := append([]uint64{}, view.Shape()...)
		found.Tensors = append(found.Tensors,
			tensor{named.Name, view.DType().String(), shape, hex.EncodeToString(view.Data())})
	}
	return found, nil
}

func main() {
	answers := json.NewEncoder(os.Stdout)
	for paths := bufio.NewScanner(os.Stdin); paths.Scan(); {
		found, _ := read(paths.Text())
		if err := answers.Encode(found); err != nil {
			panic(err)
		}
	}
}
