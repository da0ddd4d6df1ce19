package page_test

import (
	"testing"

	"khamxa/internal/page"
	"khamxa/internal/page/pagetest"
)

func TestErrorPage(t *testing.T) {
	shell := pagetest.Shell(t, []string{"doctor"}, nil)
	pagetest.All(t, shell, "page", []pagetest.Sample{
		{Name: "not found", Page: page.Page{Template: "page/error", Title: "error.not-found.heading", Layout: page.Bare, View: struct{ Heading, Detail, Advice string }{"a", "", "c"}}},
	})
}
