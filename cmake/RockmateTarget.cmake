# The one place for language level and warnings.
function(rockmate_configure target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  if(ROCKMATE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
