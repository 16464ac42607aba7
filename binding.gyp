# Two products: the addon (build/Release/godwit.node) and the static helper (build/Release/godwit-keeper).
# Sources are listed by scripts/ls.cjs, so that a new file needs no edit here.
{
  "variables": {
    # Flags of `npm run test:sanitize`; empty otherwise.
    "godwit_sanitize": ["<!@(node -p \"process.env.GODWIT_SANITIZE ?? ''\")"],
    # Two of -Wextra and -Wall are off: designated initializers leave fields out on purpose, and -Wrestrict of GCC 12
    # sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
    "godwit_warnings": [
      "-Wall",
      "-Wextra",
      "-Wconversion",
      "-Wshadow",
      "-Werror",
      "-Wno-missing-field-initializers",
      "-Wno-restrict",
    ],
  },
  "targets": [
    {
      "target_name": "godwit",
      "sources": [
        "<!@(node scripts/ls.cjs native .cc)",
        "<!@(node scripts/ls.cjs native/binding .cc)",
        "<!@(node scripts/ls.cjs native/sys .cc)",
        "<!@(node scripts/ls.cjs native/stub .S)",
      ],
      "include_dirs": ["native"],
      "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS", "XXH_INLINE_ALL", "_GNU_SOURCE"],
      "cflags": ["-fvisibility=hidden", "<@(godwit_warnings)"],
      "cflags!": ["-Wno-unused-parameter"],
      "cflags_cc": [
        "-std=c++20",
        "-fexceptions",
        "<@(godwit_sanitize)",
        "-isystem",
        "<!(node -p \"path.dirname(require.resolve('node-addon-api'))\")",
      ],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      # From Debian's liblz4-dev and libzstd-dev, into the addon. Not to be exported: these archives are made for programs, and link into a
      # shared object only as its own; and a Node that has a zstd of its own must not lend us its functions.
      "libraries": ["-l:liblz4.a", "-l:libzstd.a"],
      "ldflags": ["-Wl,-z,noexecstack", "-Wl,--exclude-libs,ALL", "<@(godwit_sanitize)"],
    },
    {
      "target_name": "godwit-keeper",
      "type": "executable",
      "product_name": "godwit-keeper",
      "product_extension": "",
      "sources": [
        "<!@(node scripts/ls.cjs native/keeper .cc)",
        "native/sys/connection.cc",
        "native/sys/owner_word.cc",
        "native/sys/segments.cc",
        "native/sys/terminal_encoding.cc",
        "native/sys/terminal_fill.cc",
        "native/sys/terminal_take.cc",
        "native/sys/userfault_missing.cc",
      ],
      "include_dirs": ["native"],
      "defines": ["_GNU_SOURCE"],
      "defines!": ["BUILDING_NODE_EXTENSION"],
      "cflags": ["<@(godwit_warnings)"],
      "cflags!": ["-Wno-unused-parameter"],
      "cflags_cc": ["-std=c++20"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "ldflags": ["-static", "-Wl,-z,noexecstack"],
      "ldflags!": ["-rdynamic", "-pthread"],
    },
  ],
}
