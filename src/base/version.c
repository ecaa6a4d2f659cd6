/* SPDX-License-Identifier: Apache-2.0 */
/* The version of the library; the same as the project's in the top CMakeLists.txt. */
#include <weir/base.h>

const char *
weir_version(void)
{
    return "0.1.0";
}
