// XXH3-64 with what any x86-64 has.
#include "sys/hash_functions.h"
#define XXH_VECTOR 1  // XXH_SSE2
#include "sys/hash_vectors.h"

namespace godwit {
constinit const HashFunctions kHashSse2 = kHashFunctions;
}
