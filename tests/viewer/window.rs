//! The window, on a virtual screen: it opens, plays, picks what is clicked, heeds keys, and ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbaImage;

/// A virtual screen and the window on it; both end with the test.
struct Screen {
    display: String,
    server: Child,
    window: Option<Child>,
}

impl Drop for Screen {
    fn drop(&mut self) {
        for child in self.window.iter_mut().chain([&mut self.server]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Screen {
    /// The server takes a display that is free, and tells its number when it is ready.
    fn open() -> Self {
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"]);
        server.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = server.spawn().expect("Xvfb is there: scripts/setup.sh installs it");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Self { display: format!(":{}", number.trim()), server, window: None }
    }

    fn start(&mut self, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
        command.args(arguments).env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY").stderr(Stdio::null());
        self.window = Some(command.spawn().unwrap());
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is on the screen.
    fn shot(&self, path: &Path) -> RgbaImage {
        let status =
            Command::new("import").args(["-window", "root"]).arg(path).env("DISPLAY", &self.display).status().unwrap();
        assert!(status.success());
        image::open(path).unwrap().to_rgba8()
    }
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(120), "{what} did not come");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// How many different colours a picture has, coarsely: an empty window has one.
fn colors(picture: &RgbaImage) -> usize {
    picture.pixels().map(|p| [p[0] >> 4, p[1] >> 4, p[2] >> 4]).collect::<std::collections::BTreeSet<_>>().len()
}

fn changed(a: &RgbaImage, b: &RgbaImage, [left, top, width, height]: [u32; 4]) -> f64 {
    let pixels = (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y)));
    let differ = pixels.filter(|(x, y)| {
        let (p, q) = (a.get_pixel(*x, *y), b.get_pixel(*x, *y));
        p.0.iter().zip(q.0).any(|(x, y)| x.abs_diff(y) > 24)
    });
    differ.count() as f64 / f64::from(width * height)
}

/// A scene without a play, whose tour stands at each camera for two seconds.
#[test]
fn a_tour_flies_until_somebody_takes_the_camera() {
    let folder = tempfile::tempdir().unwrap();
    let scene = format!(
        "format_version = 1\n[city]\npackages = ['{}']\n\
        [[camera]]\nname = 'west'\nplace = [121.895, 30.9, 300]\nheading = 90\npitch = -20\n\
        [[camera]]\nname = 'above'\nplace = [121.905, 30.9, 900]\npitch = -80\n\
        [tour]\ncameras = ['west', 'above']\nhold_s = 2\nflight_s = 1\n",
        crate::scenes::demo_package().display()
    );
    let path = folder.path().join("tour.toml");
    fs::write(&path, scene).unwrap();
    let mut screen = Screen::open();
    screen.start(&["view", path.to_str().unwrap()]);
    let shot = || screen.shot(&folder.path().join("tour.png"));
    wait("the city", || colors(&shot()) > 60);
    let first = shot();
    let whole = [0, 0, 1280, 640];
    wait("the second camera", || changed(&first, &shot(), whole) > 0.5);
    let second = shot();
    wait("the first camera again", || changed(&second, &shot(), whole) > 0.5);
    // Whoever drags the city has it: it stays where it was dragged to.
    screen.xdotool(&["mousemove", "640", "360", "mousedown", "1", "mousemove", "500", "300", "mouseup", "1"]);
    // The tour would be on its way every two seconds; tiles of the new view may still come for a while.
    wait("a view that stands for eight seconds", || {
        let before = shot();
        (0..8).all(|_| {
            std::thread::sleep(Duration::from_secs(1));
            changed(&before, &shot(), whole) < 0.01
        })
    });
}

#[test]
fn a_display_that_does_not_answer_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_veduta"))
        .args(["view", crate::scenes::demo_package().to_str().unwrap()])
        .env("DISPLAY", ":4711")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains("nothing answers at DISPLAY=:4711"), "{told}");
}

/// No window manager here, as on a wall: the window makes itself as large as the screen.
#[test]
fn a_kiosk_fills_a_bare_screen() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = Screen::open();
    screen.start(&["view", crate::scenes::demo_package().to_str().unwrap(), "--kiosk"]);
    let corners = || {
        let picture = screen.shot(&folder.path().join("kiosk.png"));
        let dark = RgbaImage::new(picture.width(), picture.height());
        [[0, 0, 64, 64], [1216, 0, 64, 64], [0, 656, 64, 64], [1216, 656, 64, 64]]
            .map(|part| changed(&dark, &picture, part))
    };
    wait("the city, from corner to corner", || corners().iter().all(|share| *share > 0.9));
}

#[test]
fn the_demo_plays_in_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = Screen::open();
    screen.start(&["demo", "-o", folder.path().to_str().unwrap()]);
    let shot = |name: &str| screen.shot(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
    wait("the window's title", || screen.xdotool(&["search", "--name", "Veduta"]).lines().count() > 0);
    wait("the city", || colors(&shot("window.png")) > 150);
    let window = screen.xdotool(&["search", "--name", "Veduta"]).lines().next().unwrap().to_owned();
    // The play runs: its clock goes on.
    let before = shot("window.png");
    wait("the next minutes of the play", || changed(&before, &shot("window_later.png"), [256, 640, 768, 64]) > 0.002);
    // Space pauses it.
    screen.xdotool(&["windowfocus", &window, "key", "space"]);
    // The speed at the bar's right becomes the word that it is paused.
    wait("the pause", || changed(&before, &shot("window_paused.png"), [960, 655, 60, 25]) > 0.02);
    let paused = shot("window_paused.png");
    std::thread::sleep(Duration::from_secs(2));
    let still = changed(&paused, &shot("window_still.png"), [256, 640, 768, 64]);
    assert!(still < 0.001, "paused, and the clock goes on: {still}");
    // A click on a tower shows its attributes at the right.
    let pick = |x: &str, y: &str| screen.xdotool(&["mousemove", x, y, "click", "1"]);
    let panel = [960, 16, 300, 100];
    wait("the attributes of a picked building", || {
        ["560", "640", "700", "760"].iter().any(|x| {
            pick(x, "420");
            std::thread::sleep(Duration::from_millis(700));
            changed(&paused, &shot("window_picked.png"), panel) > 0.3
        })
    });
    screen.xdotool(&["windowfocus", &window, "key", "Escape"]);
    let mut child = screen.window.take().unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(20), "Escape ends it");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(child.wait().unwrap().success());
}
