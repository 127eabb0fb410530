//! Java, by JNA and by java.lang.foreign; the JVM handles SIGBUS itself.

use crate::common::c::succeeds;
use crate::tours::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As Debian installs it.
fn jna() -> Option<PathBuf> {
    let jar = PathBuf::from("/usr/share/java/jna.jar");
    jar.exists().then_some(jar)
}

/// The path of JNA where there is a JDK to use it.
fn jdk_with_jna(place: &Place) -> Option<PathBuf> {
    let jna = jna().filter(|_| works(place.command("javac").arg("-version")));
    has("JDK with JNA", jna.is_some());
    jna
}

#[test]
fn tour() {
    let place = Place::new();
    let Some(jna) = jdk_with_jna(&place) else {
        return;
    };
    let tour = || {
        let mut command = place.command("java");
        command.arg("-cp").arg(&jna).arg(example("Tour.java"));
        command
    };
    passes(&place, tour);
    is_run_as_its_head_says("Tour.java");
}

/// Both handlers work, whichever was installed first: memmap_guard_install puts the guard in front. What happens
/// outside of libmemmap's mappings it passes on to the JVM.
#[test]
fn the_jvm_and_the_guard_stand_beside_each_other() {
    const GUARD_IN_FRONT: &str = "mapped by Java: InternalError\n\
                                  call: -6\n\
                                  pointer: 0, then -6\n\
                                  mapped by Java: InternalError\n";
    const JVM_IN_FRONT: &str = "mapped by Java: InternalError\n\
                                call: -6\n\
                                pointer: InternalError\n\
                                mapped by Java: InternalError\n";
    let place = Place::new();
    let Some(jna) = jdk_with_jna(&place) else {
        return;
    };
    let mut javac = place.command("javac");
    javac
        .arg("-cp")
        .arg(&jna)
        .arg("-d")
        .arg(place.path("classes"));
    succeeds(javac.args([example("Tour.java"), beside("Beside.java")]));

    let class_path = format!("{}:{}", place.path("classes").display(), jna.display());
    let beside = |folder: &str, preload: Option<PathBuf>| {
        let mut command = place.command("java");
        command.args(["-cp", &class_path, "Beside"]);
        command.arg(place.new_folder(folder));
        command.envs(preload.map(|library| ("LD_PRELOAD", library)));
        said(&run(&mut command))
    };
    assert_eq!(beside("late", None), GUARD_IN_FRONT);
    assert_eq!(beside("early", Some(place.early_guard())), GUARD_IN_FRONT);

    // The JVM's own way to have its handlers in front whatever is installed later.
    let home = property(&mut place.command("java"), "java.home").expect("Java tells it");
    let libjsig = Path::new(&home).join("lib/libjsig.so");
    if has("libjsig.so", libjsig.exists()) {
        assert_eq!(beside("jsig", Some(libjsig)), JVM_IN_FRONT);
    }
}

/// A property of a JVM, as it tells it.
fn property(java: &mut Command, name: &str) -> Option<String> {
    let output = java
        .args(["-XshowSettings:properties", "-version"])
        .output();
    let settings = String::from_utf8(output.ok()?.stderr).ok()?;
    let line = |line: &str| {
        let (found, value) = line.trim().split_once(" = ")?;
        (found == name).then(|| value.to_owned())
    };
    settings.lines().find_map(line)
}

/// A JVM that has java.lang.foreign, which came to stay with 22: that of the PATH, or one of Debian's
/// folder of them.
fn with_foreign(place: &Place) -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let others = installed.map(|home| home.path().join("bin/java"));
    std::iter::once(PathBuf::from("java"))
        .chain(others)
        .find(|java| {
            property(&mut place.command(java), "java.specification.version")
                .and_then(|version| version.parse::<u32>().ok())
                .is_some_and(|version| version >= 22)
        })
}

#[test]
fn tour_by_java_lang_foreign() {
    let place = Place::new();
    let java = with_foreign(&place);
    has("JDK of version 22 or later", java.is_some());
    let Some(java) = java else {
        return;
    };
    let tour = || {
        let mut command = place.command(&java);
        command.arg("--enable-native-access=ALL-UNNAMED");
        command.arg(example("TourForeign.java"));
        command
    };
    passes(&place, tour);
}
