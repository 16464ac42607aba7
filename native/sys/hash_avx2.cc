// XXH3-64 with AVX2. Everything that is shared with other files is included before the compiler may use it: an inline function that the
// linker takes from here would end processors that do not have it.
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "sys/hash.h"
#include "sys/hash_functions.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define XXH_VECTOR 2  // XXH_AVX2
#include "sys/hash_vectors.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace godwit {
constinit const HashFunctions kHashAvx2 = kHashFunctions;
}
