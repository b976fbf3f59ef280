# Cross build for 64-bit Arm, to compile the NEON kernels and run the tests under qemu-user.
# RAVEL_ARM_ROOT holds the unpacked arm64 packages of zlib and jansson (./dev makes it); only their archives are linked.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RAVEL_ARM_ROOT)
set(CMAKE_FIND_ROOT_PATH ${RAVEL_ARM_ROOT} /usr/aarch64-linux-gnu)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
