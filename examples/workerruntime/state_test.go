package workerruntime

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"crashsim/store"
)

// A field that State does not show can be lost and nobody sees it: whatever is
// changed in a state, it prints another text.
func TestStateShowsEveryField(t *testing.T) {
	var full store.State
	fill(reflect.ValueOf(&full).Elem(), new(int))
	show := func() string {
		p := printer{}
		p.state(&full)
		return string(p.b)
	}
	before := show()
	leaves := 0
	eachLeaf(reflect.ValueOf(&full).Elem(), "State", func() {}, func(path string, v reflect.Value, put func()) {
		leaves++
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		change(v)
		put()
		if show() == before {
			t.Errorf("%s can change unseen", path)
		}
		v.Set(old)
		put()
	})
	if show() != before || leaves < 60 {
		t.Fatalf("%d fields were changed and changed back, to\n%s\nbefore\n%s", leaves, show(), before)
	}
}

// fill gives every field a value of its own, and every list and map one element.
func fill(v reflect.Value, n *int) {
	switch *n++; v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n, strings.Repeat(" and more", *n%3*5)))
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("a type that no state has: " + v.Type().String())
	}
}

// change gives another value, of the kind that is nearest.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "!")
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	default:
		v.SetZero() // what was there is there no more
	}
}

// eachLeaf visits what can be changed: texts and numbers, and pointers, lists and
// maps, which can be empty. A value in a map is a copy, which put puts back.
func eachLeaf(v reflect.Value, path string, put func(), visit func(path string, v reflect.Value, put func())) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			eachLeaf(v.Field(i), path+"."+v.Type().Field(i).Name, put, visit)
		}
		return
	case reflect.Pointer:
		eachLeaf(v.Elem(), path, put, visit)
	case reflect.Slice:
		eachLeaf(v.Index(0), path+"[0]", put, visit)
	case reflect.Map:
		key := v.MapKeys()[0]
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		eachLeaf(value, path+"[key]", func() { v.SetMapIndex(key, value) }, visit)
	}
	visit(path, v, put)
}
