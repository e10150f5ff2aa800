package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"fettle/train/dashboard"
	"fettle/train/report"
)

func Example() {
	board := &report.Board{} // of train.Job
	server := dashboard.New(board, func() { fmt.Println("stopped") })
	board.Publish(report.Page{Title: "runs/first", Status: report.Status{Phase: report.Running, Step: 3, Steps: 9}})

	request := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, request)
	fmt.Println(answer.Code, strings.Contains(answer.Body.String(), "3 of 9 steps"))
	// Output: 200 true
}
