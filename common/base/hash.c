#include "common/base/hash.h"

struct hash_secret hash_secret = {UINT64_C(0x9e3779b97f4a7c15),
                                  UINT64_C(0xa0761d6478bd642f)};
