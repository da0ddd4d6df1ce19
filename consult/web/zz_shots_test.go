package web_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"khamxa/consult"
)

func TestShots(t *testing.T) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		t.Skip()
	}
	w := newWorld(t)
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	// data
	w.now = time.Now()
	waiting := w.book()
	_, l1, _ := w.service.Invite(t.Context(), w.doctor, waiting.ID)
	w.service.Redeem(t.Context(), consult.Redemption{Invitation: l1.Invitation, Secret: l1.Secret})
	booked, _ := w.service.Book(t.Context(), w.doctor, consult.Booking{Patient: "p1", At: w.now.Add(2 * time.Hour), Reason: "Tái khám huyết áp"})
	inCall, _ := w.admitted()
	w.service.SaveVitals(t.Context(), w.doctor, inCall.ID, consult.Reading{N: 1, Systolic: 162, Diastolic: 98, Pulse: 78})
	ended, _ := w.admitted()
	w.service.SaveVitals(t.Context(), w.doctor, ended.ID, consult.Reading{N: 1, Systolic: 162, Diastolic: 98})
	w.service.SaveDraft(t.Context(), w.doctor, ended.ID, []consult.Edit{{Field: consult.Reason, Text: "Đau đầu nhẹ buổi sáng, uống thuốc đều.", Base: 0}})
	w.service.End(t.Context(), w.doctor, ended.ID)
	signed, _ := w.admitted()
	w.service.SaveDraft(t.Context(), w.doctor, signed.ID, []consult.Edit{{Field: consult.Assessment, Text: "Tăng huyết áp độ 2", Base: 0}, {Field: consult.Plan, Text: "Uống amlodipin 5 mg, tái khám sau 4 tuần.", Base: 0}})
	w.service.End(t.Context(), w.doctor, signed.ID)
	if _, err := w.service.Sign(t.Context(), w.doctor, signed.ID); err != nil {
		t.Fatal(err)
	}
	later, _ := w.service.Book(t.Context(), w.doctor, consult.Booking{Patient: "p1", At: w.now.Add(50 * time.Hour)})
	w.now = w.now.Add(7 * time.Minute)
	_, l2, _ := w.service.Invite(t.Context(), w.doctor, booked.ID)

	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox,
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	defer cancel()
	browser, cancel := chromedp.NewContext(ctx)
	defer cancel()
	chromedp.Do(browser)
	shot := func(name, path string, wd, h int64, steps ...chromedp.Action[chromedp.Void]) {
		ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
		defer cancel()
		ctx, cancel2 := context.WithTimeout(ctx, 30*time.Second)
		defer cancel2()
		chromedp.Do(ctx)
		msgs := chromedp.Console(ctx)
		go func() {
			for m, err := range msgs {
				if err != nil {
					return
				}
				fmt.Println(name, "console:", m)
			}
		}()
		acts := []chromedp.Action[chromedp.Void]{chromedp.ActionFunc[chromedp.Void](func(ctx context.Context) (chromedp.Void, error) {
			_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride(wd, h, 1, wd < 800), struct{}{})
			return chromedp.Void{}, err
		})}
		_ = acts
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(wd, h)); err != nil {
			t.Error(err)
		}
		if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+path)); err != nil {
			t.Error(name, err)
			return
		}
		time.Sleep(700 * time.Millisecond)
		if len(steps) > 0 {
			if err := chromedp.Do(ctx, steps...); err != nil {
				t.Error(name, err)
			}
			time.Sleep(1500 * time.Millisecond)
		}
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(90))
		if err != nil {
			t.Error(name, err)
			return
		}
		os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	shot("queue", "/consults", 1366, 768)
	shot("queue-phone", "/consults?lang=en", 360, 640)
	shot("new", "/consults/new?q=hoa", 1366, 768)
	shot("new2", "/consults/new?patient=p1", 360, 640)
	shot("console-booked", "/consults/"+later.ID, 1366, 768, chromedp.Click(chromedp.ID("invite")))
	shot("console-waiting", "/consults/"+waiting.ID, 1366, 768)
	shot("console-call", "/consults/"+inCall.ID, 1366, 768)
	shot("console-ended", "/consults/"+ended.ID+"?lang=en", 1366, 768, chromedp.Click(chromedp.ID("sign")))
	shot("console-signed", "/consults/"+signed.ID, 1366, 768)
	shot("console-phone", "/consults/"+waiting.ID, 360, 640)
	shot("join", "/j/"+l2.Invitation+"#"+l2.Secret, 360, 640)
	shot("join-en", "/j/"+l2.Invitation+"?lang=en#x", 360, 640)
	shot("join-refused", "/j/"+l2.Invitation+"#wrongwrongwrong", 360, 640, chromedp.Click(chromedp.ID("join")))
	shot("join-wait", "/j/"+l2.Invitation+"#"+l2.Secret, 360, 640, chromedp.Click(chromedp.ID("join")))
}
